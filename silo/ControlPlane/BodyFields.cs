using System.Collections.Immutable;
using System.Text.Json;
using JitGrains.Identity;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace JitGrains.Silo.ControlPlane;

/// <summary>
/// A JSON object sent to us, read field by field. The first thing wrong with it is kept, with the field's name, and
/// <see cref="Finish"/> hands it out; fields that nobody read are wrong too. For one request; not thread-safe.
/// </summary>
internal sealed class BodyFields
{
    /// <summary>Largest body, in bytes.</summary>
    public const int MaxBytes = 64 * 1024;

    private readonly Dictionary<string, JsonElement> unread = new(StringComparer.Ordinal);
    private Problem? problem;

    private BodyFields() { }

    /// <summary>Reads the body. With <paramref name="optional"/>, no body at all counts as an empty object.</summary>
    /// <param name="http">The request.</param>
    /// <param name="optional">Whether there may be none.</param>
    /// <param name="maxBytes">The largest body.</param>
    public static async Task<BodyFields> ReadAsync(HttpContext http, bool optional = false, int maxBytes = MaxBytes)
    {
        var fields = new BodyFields();
        if (http.Features.Get<IHttpRequestBodyDetectionFeature>() is not { CanHaveBody: true })
        {
            if (!optional)
                fields.problem = Problems.BadRequest("body", "A JSON object is needed.");
            return fields;
        }

        if (!IsJson(http.Request))
        {
            fields.problem = Problems.UnsupportedMediaType;
            return fields;
        }

        var buffer = new MemoryStream();
        var chunk = new byte[4096];
        int read;
        while ((read = await http.Request.Body.ReadAsync(chunk, http.RequestAborted)) > 0)
        {
            if (buffer.Length + read > maxBytes)
            {
                fields.problem = Problems.PayloadTooLarge(maxBytes);
                return fields;
            }

            buffer.Write(chunk, 0, read);
        }

        fields.Parse(buffer);
        return fields;
    }

    /// <summary>A text of at most this many characters.</summary>
    public string? Text(string name, int maxLength, bool required = false)
    {
        if (!Take(name, required, out var value))
            return null;
        if (value.ValueKind == JsonValueKind.String && TryString(value, out var text) && text.Length <= maxLength && text.Length > 0)
            return text;
        Wrong(name, $"{name} is a text of 1 to {maxLength} characters.");
        return null;
    }

    /// <summary>A sentence for people: trimmed, without control and bidirectional characters; null where empty.</summary>
    public string? Sentence(string name)
    {
        if (!Take(name, required: false, out var value) || value.ValueKind == JsonValueKind.Null)
            return null;
        if (value.ValueKind == JsonValueKind.String && TryString(value, out var text) && Sentences.TryRead(text, out var sentence))
            return sentence;
        Wrong(name, $"{name} is a text of at most {Sentences.MaxLength} characters without control, line-break and bidirectional characters.");
        return null;
    }

    /// <summary>One of an enumeration's values in snake_case.</summary>
    public T Choice<T>(string name)
        where T : struct, Enum
    {
        if (!Take(name, required: true, out var value))
            return default;
        if (value.ValueKind == JsonValueKind.String && TryString(value, out var text) && Choices<T>.ByName.TryGetValue(text, out var choice))
            return choice;
        Wrong(name, $"{name} is one of {Choices<T>.Names}.");
        return default;
    }

    /// <summary>A list of texts.</summary>
    public ImmutableArray<string> Texts(string name, int maxCount, int maxLength)
    {
        if (!Take(name, required: false, out var value))
            return [];
        if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() <= maxCount)
        {
            var texts = value.EnumerateArray().Select(v => v.ValueKind == JsonValueKind.String && TryString(v, out var t) ? t : null).ToList();
            if (texts.TrueForAll(t => t is { Length: > 0 } && t.Length <= maxLength))
                return [.. texts!];
        }

        Wrong(name, $"{name} is a list of at most {maxCount} texts of 1 to {maxLength} characters.");
        return [];
    }

    /// <summary>True or false; false where it is not there.</summary>
    public bool Flag(string name)
    {
        if (!Take(name, required: false, out var value))
            return false;
        if (value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
            Wrong(name, $"{name} is true or false.");
        return value.ValueKind == JsonValueKind.True;
    }

    /// <summary>A whole number of at least 1.</summary>
    public long Count(string name)
    {
        if (Take(name, required: true, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number >= 1)
            return number;
        Wrong(name, $"{name} is a whole number of at least 1.");
        return 0;
    }

    /// <summary>Texts by name: an object whose members are all texts.</summary>
    public ImmutableArray<(string Name, string Text)> TextsByName(string name)
    {
        if (!Take(name, required: true, out var value))
            return [];
        var texts = ImmutableArray.CreateBuilder<(string, string)>();
        var known = new HashSet<string>(StringComparer.Ordinal);
        if (value.ValueKind == JsonValueKind.Object)
        {
            foreach (var member in value.EnumerateObject())
            {
                if (member.Value.ValueKind != JsonValueKind.String || !TryString(member.Value, out var text) || !known.Add(member.Name))
                    break;
                texts.Add((member.Name, text));
            }

            if (texts.Count == value.EnumerateObject().Count())
                return texts.ToImmutable();
        }

        Wrong(name, $"{name} is an object whose members are texts, each name once.");
        return [];
    }

    /// <summary>Any JSON value; null where it is not there.</summary>
    public JsonElement? Value(string name) => Take(name, required: false, out var value) ? value : null;

    /// <summary>Notes a problem of the caller's own.</summary>
    public void Wrong(string name, string detail) => problem ??= Problems.BadRequest(name, detail);

    /// <summary>The first problem, or null. Fields not read by now are unknown ones.</summary>
    public Problem? Finish()
    {
        if (problem is null && unread.Keys.Order(StringComparer.Ordinal).FirstOrDefault() is { } unknown)
            Wrong(Shown(unknown), "There is no such member.");
        return problem;
    }

    private static bool IsJson(HttpRequest request)
    {
        var type = request.ContentType?.Split(';', 2)[0].Trim() ?? "";
        return type.Equals("application/json", StringComparison.OrdinalIgnoreCase) && request.Headers.ContentEncoding.Count == 0;
    }

    /// <summary>A member's name as the client wrote it, if it can be shown.</summary>
    private static string Shown(string name) => name.Length <= 64 && SafeText.IsSafeSentence(name) ? name : "body";

    private static bool TryString(JsonElement value, out string text)
    {
        try
        {
            text = value.GetString()!;
            return true;
        }
        catch (InvalidOperationException)
        {
            // Half a surrogate pair.
            text = "";
            return false;
        }
    }

    private void Parse(MemoryStream body)
    {
        try
        {
            using var document = JsonDocument.Parse(body.GetBuffer().AsMemory(0, (int)body.Length), new JsonDocumentOptions { MaxDepth = 40 });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                Wrong("body", "The body is a JSON object.");
                return;
            }

            foreach (var member in document.RootElement.Clone().EnumerateObject())
            {
                if (!unread.TryAdd(member.Name, member.Value))
                    Wrong(Shown(member.Name), "The member is there more than once.");
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            Wrong("body", "The body is not JSON.");
        }
    }

    private bool Take(string name, bool required, out JsonElement value)
    {
        if (unread.Remove(name, out value))
            return problem is null;
        if (required)
            Wrong(name, $"{name} is missing.");
        return false;
    }
}

/// <summary>What people may write: reasons and comments. Stateless and thread-safe.</summary>
public static class Sentences
{
    /// <summary>Most characters of a reason or comment.</summary>
    public const int MaxLength = 500;

    /// <summary>Reads a text: trimmed, null where nothing is left. False where it is too long or cannot be shown safely.</summary>
    public static bool TryRead(string text, out string? sentence)
    {
        var trimmed = text.Trim();
        sentence = trimmed.Length == 0 ? null : trimmed;
        return trimmed.Length <= MaxLength && SafeText.IsSafeSentence(trimmed);
    }
}

/// <summary>An enumeration's values by their names on the wire.</summary>
internal static class Choices<T>
    where T : struct, Enum
{
    public static readonly IReadOnlyDictionary<string, T> ByName =
        Enum.GetValues<T>().ToDictionary(v => JsonNamingPolicy.SnakeCaseLower.ConvertName(v.ToString()), StringComparer.Ordinal);

    public static readonly string Names = string.Join(", ", ByName.Keys);
}
