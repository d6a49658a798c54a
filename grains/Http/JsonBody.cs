using System.Text.Json;

namespace JitGrains.Http;

/// <summary>
/// A body read strictly as JSON: declared <c>application/json</c> or <c>+json</c>, not encoded, UTF-8 without byte order
/// mark, no duplicate names, nesting at most 32, nothing after the value. Immutable and thread-safe.
/// </summary>
public sealed class JsonBody
{
    private JsonBody(JsonElement root) => Root = root;

    /// <summary>The value.</summary>
    public JsonElement Root { get; }

    /// <summary>Reads a body; null where it is not exactly that, so that conditions on it cannot be evaluated.</summary>
    public static JsonBody? TryRead(string? contentType, string? contentEncoding, ReadOnlyMemory<byte> body)
    {
        if (!IsJson(contentType) || contentEncoding is not null)
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
            return new JsonBody(document.RootElement.Clone());
        }
        catch (JsonException)
        {
            return null;
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
