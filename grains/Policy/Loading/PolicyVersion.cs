using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace JitGrains.Policy.Loading;

/// <summary>The name of a policy's content.</summary>
internal static class PolicyVersion
{
    /// <summary>SHA-256 over the names and texts, each with its length before it, cut to 64 bits.</summary>
    public static string Of(ImmutableArray<PolicyFile> files)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[8];
        foreach (var part in files.SelectMany(f => new[] { f.Name, f.Text }))
        {
            var bytes = Encoding.UTF8.GetBytes(part);
            BinaryPrimitives.WriteInt64BigEndian(length, bytes.Length);
            hash.AppendData(length);
            hash.AppendData(bytes);
        }

        return $"sha256-{Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8))}";
    }
}
