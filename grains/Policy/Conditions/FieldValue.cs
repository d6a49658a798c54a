using System.Text.Json;

namespace JitGrains.Policy.Conditions;

/// <summary>What a condition found where it looked.</summary>
internal enum FieldKind
{
    /// <summary>It cannot be told: nothing about it is certain, not even whether it is there.</summary>
    Unreadable,

    /// <summary>Certainly not there.</summary>
    Missing,

    /// <summary>There, without a value that could be compared.</summary>
    Valueless,

    /// <summary>Text without a type: a path, query or header value.</summary>
    Text,

    /// <summary>A JSON string.</summary>
    JsonString,

    /// <summary>A JSON number, true, false or array.</summary>
    Json,
}

/// <summary>How far a text comparison minds what sloppier readers make of the text.</summary>
internal enum Reading
{
    /// <summary>As it is.</summary>
    Exact,

    /// <summary>What differs only in case or compatibility form is neither equal nor different.</summary>
    Loose,

    /// <summary>The same for path segments, parameters included.</summary>
    LoosePath,
}

/// <summary>A value, or why there is none.</summary>
internal readonly struct FieldValue
{
    private FieldValue(FieldKind kind, string? text, JsonElement json, Reading reading, string? problem)
    {
        Kind = kind;
        Text = text;
        Json = json;
        Reading = reading;
        Problem = problem;
    }

    public FieldKind Kind { get; }

    /// <summary>The text of <see cref="FieldKind.Text"/> and <see cref="FieldKind.JsonString"/>.</summary>
    public string? Text { get; }

    public JsonElement Json { get; }

    public Reading Reading { get; }

    /// <summary>For people: why it cannot be compared. Never quotes the request.</summary>
    public string? Problem { get; }

    public static FieldValue Unreadable(string problem) => new(FieldKind.Unreadable, null, default, Reading.Exact, problem);

    public static FieldValue Missing { get; } = new(FieldKind.Missing, null, default, Reading.Exact, "missing");

    public static FieldValue Valueless { get; } = new(FieldKind.Valueless, null, default, Reading.Exact, "has no value");

    public static FieldValue OfText(string text, Reading reading) => new(FieldKind.Text, text, default, reading, null);

    public static FieldValue OfJson(JsonElement json, Reading reading) => json.ValueKind switch
    {
        JsonValueKind.String => new(FieldKind.JsonString, json.GetString(), json, reading, null),
        JsonValueKind.Null => Unreadable("null"),
        JsonValueKind.Object => new(FieldKind.Valueless, null, json, reading, "is an object"),
        _ => new(FieldKind.Json, null, json, reading, null),
    };

    /// <summary>The number, where it is one that can be compared.</summary>
    public decimal? Number => Kind switch
    {
        FieldKind.Text => ExactNumber.FromText(Text!),
        FieldKind.Json when Json.ValueKind == JsonValueKind.Number => ExactNumber.FromJson(Json.GetRawText()),
        _ => null,
    };

    /// <summary>The text in the form that a sloppier reader may compare.</summary>
    public string Folded(string text) => Reading == Reading.LoosePath ? LooseText.FoldSegment(text) : LooseText.Fold(text);
}
