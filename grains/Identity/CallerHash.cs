using System.Buffers;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace JitGrains.Identity;

/// <summary>SHA-256 of a caller's key: what stands for the key where millions are kept. Nobody can find two keys with the same.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct CallerHash(ulong A, ulong B, ulong C, ulong D)
{
    /// <summary>The key's hash.</summary>
    public static CallerHash Of(string key)
    {
        var rented = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(key.Length));
        var hash = default(CallerHash);
        SHA256.HashData(rented.AsSpan(0, Encoding.UTF8.GetBytes(key, rented)), MemoryMarshal.AsBytes(MemoryMarshal.CreateSpan(ref hash, 1)));
        ArrayPool<byte>.Shared.Return(rented);
        return hash;
    }
}
