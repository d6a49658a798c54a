using System.Text.Json;
using JitGrains.Json;

namespace JitGrains.Runtime.Engine;

/// <summary>How rows hold messages and views.</summary>
internal static class StoreJson
{
    public static string Print<T>(T value) => JsonSerializer.Serialize(value, JitJson.Options);

    public static T Parse<T>(string json) =>
        JsonSerializer.Deserialize<T>(json, JitJson.Options) ?? throw new JsonException($"a stored {typeof(T).Name} is null");
}
