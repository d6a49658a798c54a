using System.Text.Json;
using System.Text.Json.Serialization;

namespace JitGrains.Identity;

/// <summary>
/// A principal's canonical name, <c>realm:kind:name</c> (for example <c>dev:user:alice</c>). The realm stands for one
/// token issuer, so equal names of two issuers are two principals. Compared ordinally; immutable and thread-safe.
/// </summary>
[GenerateSerializer, Alias("jit.PrincipalId")]
[JsonConverter(typeof(PrincipalIdJsonConverter))]
public readonly record struct PrincipalId([property: Id(0)] string Value)
{
    /// <summary>Longest accepted form, in characters.</summary>
    public const int MaxLength = 256;

    /// <summary>The issuer's realm.</summary>
    public string Realm => Value[..Value.IndexOf(':', StringComparison.Ordinal)];

    /// <summary><c>user</c>, <c>service</c>, <c>agent</c>...</summary>
    public string Kind
    {
        get
        {
            var first = Value.IndexOf(':', StringComparison.Ordinal) + 1;
            return Value[first..Value.IndexOf(':', first)];
        }
    }

    /// <summary>The name within realm and kind; it may itself hold colons.</summary>
    public string Name => Value[(Value.IndexOf(':', Realm.Length + 1) + 1)..];

    /// <summary>Reads <c>realm:kind:name</c>; with a default realm also <c>kind:name</c> where <paramref name="defaultRealm"/> is given.</summary>
    public static bool TryParse(string? text, string? defaultRealm, out PrincipalId id, out string problem)
    {
        id = default;
        if (string.IsNullOrEmpty(text))
        {
            problem = "a principal is written realm:kind:name, such as dev:user:alice";
            return false;
        }

        var colons = text.Count(c => c == ':');
        var full = defaultRealm is not null && (colons == 1 || (colons > 1 && SafeText.IsKnownKind(text[..text.IndexOf(':', StringComparison.Ordinal)])))
            ? $"{defaultRealm}:{text}"
            : text;
        return TryParseFull(full, out id, out problem);
    }

    private static bool TryParseFull(string text, out PrincipalId id, out string problem)
    {
        id = default;
        if (text.Length > MaxLength)
        {
            problem = $"a principal has at most {MaxLength} characters";
            return false;
        }

        var parts = text.Split(':', 3);
        if (parts.Length < 3 || !SafeText.IsToken(parts[0]) || !SafeText.IsToken(parts[1]) || parts[2].Length == 0)
        {
            problem = "a principal is written realm:kind:name, such as dev:user:alice";
            return false;
        }

        if (!SafeText.IsSafeName(parts[2]))
        {
            problem = "a principal's name holds no control, bidirectional, separator or caret characters, and is in Unicode form NFC";
            return false;
        }

        id = new PrincipalId(text);
        problem = "";
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Value;
}

internal sealed class PrincipalIdJsonConverter : JsonConverter<PrincipalId>
{
    public override PrincipalId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        PrincipalId.TryParse(reader.GetString(), null, out var id, out var problem) ? id : throw new JsonException(problem);

    public override void Write(Utf8JsonWriter writer, PrincipalId value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.Value);
}
