using System.Text.Json;
using System.Text.Unicode;

namespace JitGrains.Http;

/// <summary>
/// A body read strictly as JSON: declared <c>application/json</c> or <c>+json</c>, not encoded, UTF-8 without byte order
/// mark, no duplicate names, no half surrogate pairs, nesting at most 32, nothing after the value. Immutable and thread-safe.
/// </summary>
public sealed class JsonBody
{
    private JsonBody(JsonElement root) => Root = root;

    /// <summary>The value.</summary>
    public JsonElement Root { get; }

    /// <summary>Reads a body; null where it is not exactly that, so that conditions on it cannot be evaluated.</summary>
    public static JsonBody? TryRead(string? contentType, string? contentEncoding, ReadOnlyMemory<byte> body)
    {
        // The reader checks the bytes of a string only when somebody asks for its text.
        if (!IsJson(contentType) || contentEncoding is not null || !Utf8.IsValid(body.Span))
            return null;
        try
        {
            using var document = JsonDocument.Parse(body, new JsonDocumentOptions
            {
                MaxDepth = 32,
                AllowDuplicateProperties = false,
                AllowTrailingCommas = false,
                CommentHandling = JsonCommentHandling.Disallow,
            });
            if (body.Span.IndexOf("\\u"u8) >= 0)
                ReadAllText(document.RootElement);
            return new JsonBody(document.RootElement.Clone());
        }
        catch (JsonException)
        {
            return null;
        }
        catch (InvalidOperationException)
        {
            // An escape such as \ud800 alone, which is no text.
            return null;
        }
    }

    private static void ReadAllText(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var property in element.EnumerateObject())
                {
                    _ = property.Name;
                    ReadAllText(property.Value);
                }

                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                    ReadAllText(item);
                break;
            case JsonValueKind.String:
                _ = element.GetString();
                break;
            default:
                break;
        }
    }

    private static bool IsJson(string? contentType)
    {
        if (contentType is null)
            return false;
        var end = contentType.IndexOf(';', StringComparison.Ordinal);
        var type = (end < 0 ? contentType : contentType[..end]).Trim();
        var parameters = end < 0 ? "" : contentType[(end + 1)..].Trim();
        return (type.Equals("application/json", StringComparison.OrdinalIgnoreCase)
                || (type.StartsWith("application/", StringComparison.OrdinalIgnoreCase) && type.EndsWith("+json", StringComparison.OrdinalIgnoreCase)))
            && (parameters.Length == 0 || parameters.Equals("charset=utf-8", StringComparison.OrdinalIgnoreCase) || parameters.Equals("charset=\"utf-8\"", StringComparison.OrdinalIgnoreCase));
    }
}
