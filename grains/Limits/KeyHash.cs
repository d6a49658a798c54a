using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace JitGrains.Limits;

/// <summary>
/// Keys of limits as 64-bit numbers: SipHash-1-3 (Aumasson and Bernstein, 2012) under a random key of the process, so that
/// nobody can choose names or addresses that fall on one another's counts. Allocates nothing; thread-safe.
/// </summary>
internal static class KeyHash
{
    private static readonly ulong Key0 = Random();
    private static readonly ulong Key1 = Random();

    /// <summary>What a key begins with.</summary>
    public const ulong Start = 0;

    /// <summary>With one more part.</summary>
    public static ulong With(ulong hash, string part) => With(hash, MemoryMarshal.AsBytes(part.AsSpan()));

    /// <summary>With one more part.</summary>
    public static ulong With(ulong hash, ReadOnlySpan<byte> part) => Sip(Key0 ^ hash, Key1, part);

    internal static ulong Sip(ulong key0, ulong key1, ReadOnlySpan<byte> data)
    {
        var (v0, v1, v2, v3) = (key0 ^ 0x736f6d6570736575, key1 ^ 0x646f72616e646f6d, key0 ^ 0x6c7967656e657261, key1 ^ 0x7465646279746573);
        var rest = data;
        while (rest.Length >= 8)
        {
            var word = BinaryPrimitives.ReadUInt64LittleEndian(rest);
            v3 ^= word;
            Round(ref v0, ref v1, ref v2, ref v3);
            v0 ^= word;
            rest = rest[8..];
        }

        var last = (ulong)data.Length << 56;
        for (var i = 0; i < rest.Length; i++)
            last |= (ulong)rest[i] << (8 * i);
        v3 ^= last;
        Round(ref v0, ref v1, ref v2, ref v3);
        v0 ^= last;
        v2 ^= 0xff;
        Round(ref v0, ref v1, ref v2, ref v3);
        Round(ref v0, ref v1, ref v2, ref v3);
        Round(ref v0, ref v1, ref v2, ref v3);
        return v0 ^ v1 ^ v2 ^ v3;
    }

    private static void Round(ref ulong v0, ref ulong v1, ref ulong v2, ref ulong v3)
    {
        v0 += v1;
        v1 = BitOperations.RotateLeft(v1, 13) ^ v0;
        v0 = BitOperations.RotateLeft(v0, 32);
        v2 += v3;
        v3 = BitOperations.RotateLeft(v3, 16) ^ v2;
        v0 += v3;
        v3 = BitOperations.RotateLeft(v3, 21) ^ v0;
        v2 += v1;
        v1 = BitOperations.RotateLeft(v1, 17) ^ v2;
        v2 = BitOperations.RotateLeft(v2, 32);
    }

    private static ulong Random() => BinaryPrimitives.ReadUInt64LittleEndian(RandomNumberGenerator.GetBytes(8));
}
