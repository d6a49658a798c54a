using System.Text.Json;
using JitGrains.Json;

namespace JitGrains.Cli.Api;

/// <summary>Reads the server's JSON into the wire's types.</summary>
internal static class WireReader
{
    /// <summary>The value, or null with the failure where it is not one: another version's server, or none of ours.</summary>
    public static T? Read<T>(JsonElement json, out ApiAnswer failure)
        where T : class
    {
        failure = new ApiAnswer.Unreadable($"the server's answer cannot be read as a {typeof(T).Name}: is it of another version than this jit?");
        try
        {
            return json.ValueKind == JsonValueKind.Object ? json.Deserialize<T>(JitJson.Options) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>A text member, or null.</summary>
    public static string? Text(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>A member as people read it: text as it is, numbers and truth values as written; null where there is none.</summary>
    public static string? Shown(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind is not (JsonValueKind.Null or JsonValueKind.Object or JsonValueKind.Array)
            ? (value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText())
            : null;

    /// <summary>A list member, empty where there is none.</summary>
    public static IEnumerable<JsonElement> List(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : [];
}
