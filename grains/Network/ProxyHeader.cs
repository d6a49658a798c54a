using System.Buffers;
using System.Buffers.Binary;
using System.Net;

namespace JitGrains.Network;

/// <summary>What the beginning of a connection says in the PROXY protocol, version 2. Closed.</summary>
public abstract record ProxyHeader
{
    /// <summary>The longest header, in bytes: 16, and what its length field can say.</summary>
    public const int MaxLength = 16 + ushort.MaxValue;

    private const int Fixed = 16;

    private ProxyHeader() { }

    private static ReadOnlySpan<byte> Signature => "\r\n\r\n\0\r\nQUIT\n"u8;

    /// <summary>More bytes are needed.</summary>
    public sealed record Incomplete : ProxyHeader;

    /// <summary>This is no such header; nothing that follows can be believed.</summary>
    public sealed record Malformed : ProxyHeader;

    /// <summary>A whole header.</summary>
    /// <param name="Length">Its length in bytes.</param>
    /// <param name="IsLocal">Whether the proxy speaks for itself (a health check): who connected is the client.</param>
    /// <param name="Source">The client; null where the proxy does not say, or it has no IP address.</param>
    public sealed record Whole(int Length, bool IsLocal, IPEndPoint? Source) : ProxyHeader;

    /// <summary>
    /// Reads it ("The PROXY protocol", HAProxy, section 2.2). TLVs are skipped; version 1 is malformed here, and so is anything
    /// that is not carried by a stream. Pure and thread-safe.
    /// </summary>
    public static ProxyHeader Read(in ReadOnlySequence<byte> input)
    {
        Span<byte> head = stackalloc byte[Fixed + 36];
        var have = (int)Math.Min(input.Length, head.Length);
        input.Slice(0, have).CopyTo(head);
        head = head[..have];
        // Told by its first bytes, so that what is none does not wait for more.
        var seen = Math.Min(have, Signature.Length);
        if (!head[..seen].SequenceEqual(Signature[..seen]))
            return new Malformed();
        if ((have > 12 && head[12] is not (0x20 or 0x21)) || (have > 13 && head[13] is not (0x00 or 0x11 or 0x21 or 0x31)))
            return new Malformed();
        if (have < Fixed)
            return new Incomplete();
        var length = BinaryPrimitives.ReadUInt16BigEndian(head[14..]);
        var (isLocal, family) = (head[12] == 0x20, head[13]);
        var needed = family switch { 0x11 => 12, 0x21 => 36, 0x31 => 216, _ => 0 };
        // The addresses of LOCAL are to be ignored, whatever they are.
        if (!isLocal && length < needed)
            return new Malformed();
        if (input.Length < Fixed + length)
            return new Incomplete();
        return new Whole(Fixed + length, isLocal, isLocal ? null : SourceOf(family, head[Fixed..]));
    }

    private static IPEndPoint? SourceOf(byte family, ReadOnlySpan<byte> addresses) => family switch
    {
        0x11 => new IPEndPoint(new IPAddress(addresses[..4]), BinaryPrimitives.ReadUInt16BigEndian(addresses[8..])),
        0x21 => new IPEndPoint(AddressText.Plain(new IPAddress(addresses[..16])), BinaryPrimitives.ReadUInt16BigEndian(addresses[32..])),
        _ => null,
    };
}
