using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace JitGrains.Http;

/// <summary>Percent-decoding (RFC 3986 section 2.1) to text.</summary>
internal static class PercentCoding
{
    private static readonly UTF8Encoding Utf8Text = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Decodes once. Every escape must be well formed, and what comes out must be UTF-8.</summary>
    public static CanonicalRefusal? Decode(ReadOnlySpan<char> text, bool plusIsSpace, out string decoded) =>
        Decode(text, plusIsSpace, strict: true, out decoded);

    /// <summary>Decodes once; a percent sign without two hexadecimal digits stands for itself.</summary>
    public static CanonicalRefusal? DecodeLoosely(ReadOnlySpan<char> text, out string decoded) =>
        Decode(text, plusIsSpace: false, strict: false, out decoded);

    /// <summary>Whether text holds a well-formed escape.</summary>
    public static bool HasEscape(ReadOnlySpan<char> text)
    {
        for (var i = 0; i + 2 < text.Length; i++)
        {
            if (text[i] == '%' && char.IsAsciiHexDigit(text[i + 1]) && char.IsAsciiHexDigit(text[i + 2]))
                return true;
        }

        return false;
    }

    /// <summary>Whether text holds a control character (C0, DEL or C1).</summary>
    public static bool HasControl(ReadOnlySpan<char> text)
    {
        foreach (var c in text)
        {
            if (char.IsControl(c))
                return true;
        }

        return false;
    }

    private static CanonicalRefusal? Decode(ReadOnlySpan<char> text, bool plusIsSpace, bool strict, out string decoded)
    {
        decoded = "";
        var buffer = ArrayPool<byte>.Shared.Rent(Utf8Text.GetMaxByteCount(text.Length));
        try
        {
            var length = 0;
            while (!text.IsEmpty)
            {
                if (text[0] == '%' && text.Length > 2 && char.IsAsciiHexDigit(text[1]) && char.IsAsciiHexDigit(text[2]))
                {
                    buffer[length++] = (byte)((Hex(text[1]) << 4) | Hex(text[2]));
                    text = text[3..];
                }
                else if (text[0] == '%' && strict)
                {
                    return Refusals.MalformedEscape;
                }
                else if (text[0] == '+' && plusIsSpace)
                {
                    buffer[length++] = (byte)' ';
                    text = text[1..];
                }
                else
                {
                    var plain = text[1..].IndexOfAny('%', '+') is var next and >= 0 ? next + 1 : text.Length;
                    length += Utf8Text.GetBytes(text[..plain], buffer.AsSpan(length));
                    text = text[plain..];
                }
            }

            // Refuses overlong forms and encoded surrogates too.
            if (!Utf8.IsValid(buffer.AsSpan(0, length)))
                return Refusals.InvalidUtf8;
            decoded = Utf8Text.GetString(buffer, 0, length);
            return null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static int Hex(char c) => char.IsAsciiDigit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
}
