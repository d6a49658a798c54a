using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace JitGrains.Json;

/// <summary>
/// The JSON Canonicalization Scheme (RFC 8785): one byte sequence for one value, so that it can be hashed and signed.
/// Numbers are written as ECMAScript does, with one exception: an integer literal keeps every digit, where the
/// RFC would round one beyond 2^53 to the nearest double, and two amounts would get one digest. Duplicate names, numbers
/// outside the range of a double and text with half a surrogate pair have no canonical form and throw a
/// <see cref="JsonException"/>. Stateless and thread-safe.
/// </summary>
public static class CanonicalJson
{
    /// <summary>The canonical UTF-8 bytes of a value as <see cref="JitJson.Options"/> serialises it.</summary>
    public static byte[] Serialize<T>(T value) => Serialize(JsonSerializer.SerializeToElement(value, JitJson.Options));

    /// <summary>The canonical UTF-8 bytes of a JSON node; null is the JSON literal.</summary>
    public static byte[] Serialize(JsonNode? node) => Serialize(JsonSerializer.SerializeToElement(node));

    /// <summary>The canonical UTF-8 bytes of a JSON value.</summary>
    public static byte[] Serialize(JsonElement element)
    {
        var output = new ArrayBufferWriter<byte>(512);
        Write(output, element);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>Writes the canonical UTF-8 bytes of a JSON value.</summary>
    public static void Write(IBufferWriter<byte> output, JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                WriteObject(output, element);
                break;
            case JsonValueKind.Array:
                WriteArray(output, element);
                break;
            case JsonValueKind.String:
                WriteString(output, TextOf(element));
                break;
            case JsonValueKind.Number:
                WriteNumber(output, element.GetRawText());
                break;
            case JsonValueKind.True:
                output.Write("true"u8);
                break;
            case JsonValueKind.False:
                output.Write("false"u8);
                break;
            case JsonValueKind.Null:
                output.Write("null"u8);
                break;
            default:
                throw new JsonException("an undefined value has no canonical form");
        }
    }

    private static void WriteObject(IBufferWriter<byte> output, JsonElement element)
    {
        var properties = new List<KeyValuePair<string, JsonElement>>();
        foreach (var property in element.EnumerateObject())
            properties.Add(new(NameOf(property), property.Value));
        // Ordinal comparison is by UTF-16 code unit, as RFC 8785 section 3.2.3 wants it.
        properties.Sort(static (a, b) => string.CompareOrdinal(a.Key, b.Key));

        output.Write("{"u8);
        for (var i = 0; i < properties.Count; i++)
        {
            if (i > 0)
            {
                if (properties[i].Key == properties[i - 1].Key)
                    throw new JsonException("an object with duplicate names has no canonical form");
                output.Write(","u8);
            }

            WriteString(output, properties[i].Key);
            output.Write(":"u8);
            Write(output, properties[i].Value);
        }

        output.Write("}"u8);
    }

    private static void WriteArray(IBufferWriter<byte> output, JsonElement element)
    {
        output.Write("["u8);
        var first = true;
        foreach (var item in element.EnumerateArray())
        {
            if (!first)
                output.Write(","u8);
            first = false;
            Write(output, item);
        }

        output.Write("]"u8);
    }

    /// <summary>Writes a text as a JSON string.</summary>
    internal static void WriteString(IBufferWriter<byte> output, string text)
    {
        output.Write("\""u8);
        var rest = text.AsSpan();
        while (!rest.IsEmpty)
        {
            var plain = rest.IndexOfAny(Escaped);
            if (plain < 0)
                plain = rest.Length;
            WriteUtf8(output, rest[..plain]);
            if (plain < rest.Length)
                WriteEscape(output, rest[plain++]);
            rest = rest[plain..];
        }

        output.Write("\""u8);
    }

    private static readonly SearchValues<char> Escaped =
        SearchValues.Create([.. Enumerable.Range(0, 0x20).Select(c => (char)c), '"', '\\']);

    private static void WriteEscape(IBufferWriter<byte> output, char c) => output.Write(c switch
    {
        '"' => "\\\""u8,
        '\\' => "\\\\"u8,
        '\b' => "\\b"u8,
        '\t' => "\\t"u8,
        '\n' => "\\n"u8,
        '\f' => "\\f"u8,
        '\r' => "\\r"u8,
        _ => Encoding.ASCII.GetBytes($"\\u{(int)c:x4}"),
    });

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private static void WriteUtf8(IBufferWriter<byte> output, ReadOnlySpan<char> text)
    {
        if (text.IsEmpty)
            return;
        try
        {
            var span = output.GetSpan(StrictUtf8.GetMaxByteCount(text.Length));
            output.Advance(StrictUtf8.GetBytes(text, span));
        }
        catch (EncoderFallbackException e)
        {
            throw new JsonException("text with half a surrogate pair has no canonical form", e);
        }
    }

    private static void WriteNumber(IBufferWriter<byte> output, string literal)
    {
        if (literal.AsSpan().IndexOfAny('.', 'e', 'E') < 0)
        {
            output.Write(literal is "-0" ? "0"u8 : Encoding.ASCII.GetBytes(literal));
            return;
        }

        var value = double.Parse(literal, NumberStyles.Float, CultureInfo.InvariantCulture);
        if (!double.IsFinite(value))
            throw new JsonException("a number outside the range of a double has no canonical form");
        output.Write(Encoding.ASCII.GetBytes(EcmaScriptNumber.Format(value)));
    }

    // JsonElement reports half a surrogate pair as an InvalidOperationException.
    private static string TextOf(JsonElement element)
    {
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new JsonException("text with half a surrogate pair has no canonical form", e);
        }
    }

    private static string NameOf(JsonProperty property)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException e)
        {
            throw new JsonException("text with half a surrogate pair has no canonical form", e);
        }
    }
}
