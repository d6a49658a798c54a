using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using JitGrains.Audit;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// Entries of one chain that were written together, as one row: their bodies, compressed, each but the first without the hash
/// of the one before, which reading computes anew. So nothing but the last entry's hash and the bodies themselves is
/// believed: whoever changes a body changes every hash after it, and the last one is stored and named by what follows.
/// Immutable and thread-safe.
/// </summary>
/// <param name="Source">The chain.</param>
/// <param name="First">The first entry's number.</param>
/// <param name="Last">The last entry's number.</param>
/// <param name="Hash">The last entry's hash, as it was sealed.</param>
/// <param name="FromTicks">The earliest entry's time, in UTC ticks.</param>
/// <param name="ToTicks">The latest entry's time, in UTC ticks.</param>
/// <param name="Types">The entries' types, each once, between commas and with one at both ends.</param>
/// <param name="Filter">What they mention (<see cref="MentionFilter"/>).</param>
/// <param name="Bodies">The bodies: each as its length (32 bits, little-endian) and its UTF-8, all of it in zlib's format.</param>
internal sealed record AuditSegment(string Source, long First, long Last, string Hash, long FromTicks, long ToTicks, string Types, byte[] Filter, byte[] Bodies)
{
    /// <summary>Most entries of one segment; reading holds one segment at a time in memory.</summary>
    public const int MaxEntries = 4_096;

    /// <summary>Most bytes of one segment's bodies: whoever may write segments must not make others unpack more.</summary>
    private const int MaxBytes = 32 * 1024 * 1024;

    private static ReadOnlySpan<byte> Previous => ",\"prev\":\""u8;

    /// <summary>
    /// Packs a run of sealed entries of one chain; null where these are none (another shape, a hash that is not the body's, a
    /// gap), or one entry alone.
    /// </summary>
    public static List<AuditSegment>? TryPack(IReadOnlyList<AuditEntry> entries)
    {
        if (entries.Count < 2)
            return null;
        if (entries is SealedRun { Count: <= MaxEntries } run)
            return PackRun(run) is { } whole ? [whole] : null;
        var segments = new List<AuditSegment>();
        foreach (var chunk in entries.Chunk(MaxEntries))
        {
            if (PackOne(chunk) is not { } segment || (segments.Count > 0 && (segments[^1].Source != segment.Source || segments[^1].Last + 1 != segment.First)))
                return null;
            segments.Add(segment);
        }

        return segments;
    }

    /// <summary>What was sealed in one piece is what it says it is: nothing is hashed, or looked for, once more.</summary>
    private static AuditSegment? PackRun(SealedRun run)
    {
        var bytes = 0L;
        // Not so large at first that the collector would keep it among what lives long: a batch is packed some times a second.
        using var packed = new MemoryStream(Math.Min(run.Count * 64, 80_000));
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            var buffer = new ArrayBufferWriter<byte>(64 * 1024);
            for (var i = 0; i < run.Count; i++)
            {
                var body = run.BodyOf(i);
                if ((bytes += body.Length) > MaxBytes)
                    return null;
                var (start, length) = i == 0 ? (body.Length, 0) : run.PreviousIn(i).GetOffsetAndLength(body.Length);
                BinaryPrimitives.WriteInt32LittleEndian(buffer.GetSpan(4), body.Length - length);
                buffer.Advance(4);
                buffer.Write(body[..start]);
                buffer.Write(body[(start + length)..]);
                if (buffer.WrittenCount < 48 * 1024)
                    continue;
                zlib.Write(buffer.WrittenSpan);
                buffer.ResetWrittenCount();
            }

            zlib.Write(buffer.WrittenSpan);
        }

        var head = run.Head;
        return new AuditSegment(
            run.Source, run.First, head.Sequence, head.Hash, run.FromTicks, run.ToTicks, $",{string.Join(',', run.Types)},", MentionFilter.Of(run.Mentions), packed.ToArray());
    }

    private static AuditSegment? PackOne(AuditEntry[] entries)
    {
        var first = entries[0];
        if (entries.Sum(e => (long)Encoding.UTF8.GetByteCount(e.Body)) > MaxBytes)
            return null;
        var facts = new SegmentFacts();
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            var buffer = new ArrayBufferWriter<byte>(64 * 1024);
            AuditEntry? before = null;
            foreach (var entry in entries)
            {
                if (entry.Source != first.Source || entry.Sequence != (before?.Sequence ?? first.Sequence - 1) + 1 || !facts.TryAdd(entry) || !TryWrite(buffer, entry, before))
                    return null;
                before = entry;
                if (buffer.WrittenCount < 48 * 1024)
                    continue;
                zlib.Write(buffer.WrittenSpan);
                buffer.ResetWrittenCount();
            }

            zlib.Write(buffer.WrittenSpan);
        }

        return new AuditSegment(
            first.Source, first.Sequence, entries[^1].Sequence, entries[^1].Hash, facts.FromTicks, facts.ToTicks, facts.Types, MentionFilter.Of(facts.Mentions), packed.ToArray());
    }

    /// <summary>
    /// The entries, without personal values. Where the row was tampered with, one follows in the place of the first that
    /// cannot be read, with a body that its hash does not fit.
    /// </summary>
    public List<AuditEntry> Unpack()
    {
        var entries = new List<AuditEntry>((int)Math.Clamp(Last - First + 1, 0, MaxEntries));
        var hash = "";
        try
        {
            using var zlib = new ZLibStream(new MemoryStream(Bodies), CompressionMode.Decompress);
            var length = new byte[4];
            var left = MaxBytes;
            for (var sequence = First; sequence <= Last; sequence++)
            {
                zlib.ReadExactly(length);
                var stored = new byte[BinaryPrimitives.ReadInt32LittleEndian(length) is var n and > 0 && n <= left && entries.Count < MaxEntries ? n : throw new InvalidDataException()];
                left -= n;
                zlib.ReadExactly(stored);
                var body = sequence == First ? stored : WithPrevious(stored, hash);
                hash = AuditChain.HashOf(body);
                entries.Add(new AuditEntry(Source, sequence, sequence == Last ? Hash : hash, Encoding.UTF8.GetString(body), []));
            }
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            entries.Add(new AuditEntry(Source, First + entries.Count, Hash, "", []));
        }

        return entries;
    }

    private static bool TryWrite(ArrayBufferWriter<byte> buffer, AuditEntry entry, AuditEntry? before)
    {
        var room = buffer.GetSpan(4 + Encoding.UTF8.GetMaxByteCount(entry.Body.Length));
        var body = room.Slice(4, Encoding.UTF8.GetBytes(entry.Body, room[4..]));
        if (AuditChain.HashOf(body) != entry.Hash)
            return false;
        var length = body.Length;
        if (before is not null)
        {
            // The last of its kind: after it come a number and texts, in which no bare quotation mark can stand.
            var start = body.LastIndexOf(Previous) + Previous.Length;
            var end = start + before.Hash.Length;
            if (start < Previous.Length || end >= body.Length || body[end] != '"' || !Ascii.Equals(body[start..end], before.Hash))
                return false;
            body[end..].CopyTo(body[start..]);
            length -= before.Hash.Length;
        }

        BinaryPrimitives.WriteInt32LittleEndian(room, length);
        buffer.Advance(4 + length);
        return true;
    }

    private static byte[] WithPrevious(ReadOnlySpan<byte> stored, string hash)
    {
        var start = stored.LastIndexOf(Previous) + Previous.Length;
        if (start < Previous.Length)
            throw new InvalidDataException();
        var body = new byte[stored.Length + hash.Length];
        stored[..start].CopyTo(body);
        Encoding.ASCII.GetBytes(hash, body.AsSpan(start));
        stored[start..].CopyTo(body.AsSpan(start + hash.Length));
        return body;
    }
}
