using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace JitGrains.Json;

/// <summary>The JSON settings of everything that is stored or sent: snake_case names and enum values, nulls left out. Thread-safe.</summary>
public static class JitJson
{
    /// <summary>For the wire and for state.</summary>
    public static readonly JsonSerializerOptions Options = Create();

    private static JsonSerializerOptions Create()
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web)
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            // Served as application/json only; HTML pages encode for themselves.
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            MaxDepth = 32,
            PropertyNameCaseInsensitive = false,
            NumberHandling = JsonNumberHandling.Strict,
            AllowDuplicateProperties = false,
            // What was stored or sent without something that must be there is refused where it is read, not met somewhere later.
            RespectNullableAnnotations = true,
            TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { RequireParameters } },
        };
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false));
        options.MakeReadOnly();
        return options;
    }

    // What may be null is left out where it is, so only the others can be told to be missing. A field that a later version adds needs
    // a default, or what was stored before cannot be read.
    private static void RequireParameters(JsonTypeInfo type)
    {
        foreach (var property in type.Properties)
        {
            // Without a setter it is a type that is only ever written.
            if (property is { AssociatedParameter: { IsNullable: false, HasDefaultValue: false }, Set: not null })
                property.IsRequired = true;
        }
    }
}
