using System.Text.Json;
using JitGrains.Json;
using Orleans.Storage;

namespace JitGrains.Runtime.Engine;

/// <summary>Grains are stored as the same JSON as on the built-in engine, so that fields of later versions survive.</summary>
internal sealed class JitGrainSerializer : IGrainStorageSerializer
{
    public BinaryData Serialize<T>(T? input) => new(JsonSerializer.SerializeToUtf8Bytes(input, JitJson.Options));

    public T? Deserialize<T>(BinaryData input) => JsonSerializer.Deserialize<T>(input, JitJson.Options);
}
