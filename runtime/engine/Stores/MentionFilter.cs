using System.Buffers.Binary;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// What a run of audit entries mentions, as a Bloom filter: it never forgets a mention, and takes about one other in a
/// hundred for one. Ten bits a mention. Stored, so how it hashes (FNV-1a, 64 bits) stays as it is. Stateless.
/// </summary>
internal static class MentionFilter
{
    private const int BitsEach = 10;
    private const int Probes = 7;

    public static byte[] Of(IReadOnlyCollection<string> mentions)
    {
        var filter = new byte[Math.Max(8, (mentions.Count * BitsEach + 7) / 8)];
        foreach (var mention in mentions)
        {
            var (at, step) = Start(mention);
            for (var i = 0; i < Probes; i++, at += step)
            {
                var bit = (int)(at % ((uint)filter.Length * 8));
                filter[bit >> 3] |= (byte)(1 << (bit & 7));
            }
        }

        return filter;
    }

    /// <summary>False where the mention is certainly not among them.</summary>
    public static bool MayHold(ReadOnlySpan<byte> filter, string mention)
    {
        if (filter.IsEmpty)
            return false;
        var (at, step) = Start(mention);
        for (var i = 0; i < Probes; i++, at += step)
        {
            var bit = (int)(at % ((uint)filter.Length * 8));
            if ((filter[bit >> 3] & (1 << (bit & 7))) == 0)
                return false;
        }

        return true;
    }

    private static (uint At, uint Step) Start(string mention)
    {
        var hash = 14695981039346656037UL;
        foreach (var c in mention)
            hash = unchecked((hash ^ c) * 1099511628211UL);
        Span<byte> halves = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(halves, hash);
        return (BinaryPrimitives.ReadUInt32LittleEndian(halves), BinaryPrimitives.ReadUInt32LittleEndian(halves[4..]) | 1);
    }
}
