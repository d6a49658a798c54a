using System.Collections.Concurrent;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace JitGrains.GrainTests;

/// <summary>
/// Grain storage in this process' memory, shared by all silos of a test, as a database would be: it outlives a silo that is
/// killed, and writes are let through by ETag only.
/// </summary>
public sealed class SharedGrainStorage(IGrainStorageSerializer serializer, SharedGrainStorage.Table table) : IGrainStorage
{
    public Task ReadStateAsync<T>(string stateName, Orleans.Runtime.GrainId grainId, IGrainState<T> grainState)
    {
        var found = table.Rows.TryGetValue(grainId.ToString(), out var row);
        grainState.State = found ? serializer.Deserialize<T>(new BinaryData(row.Json))! : Activator.CreateInstance<T>();
        (grainState.RecordExists, grainState.ETag) = (found, found ? row.Version.ToString() : null);
        return Task.CompletedTask;
    }

    public async Task WriteStateAsync<T>(string stateName, Orleans.Runtime.GrainId grainId, IGrainState<T> grainState)
    {
        var json = serializer.Serialize(grainState.State).ToString();
        await table.Before(grainId);
        var version = grainState.ETag is null ? 0 : long.Parse(grainState.ETag);
        var next = (json, version + 1);
        var written = version == 0
            ? table.Rows.TryAdd(grainId.ToString(), next)
            : table.Rows.TryGetValue(grainId.ToString(), out var row) && row.Version == version && table.Rows.TryUpdate(grainId.ToString(), next, row);
        await table.After(grainId);
        if (!written)
            throw new InconsistentStateException($"a {grainId.Type} was written by another activation");
        (grainState.RecordExists, grainState.ETag) = (true, (version + 1).ToString());
    }

    public Task ClearStateAsync<T>(string stateName, Orleans.Runtime.GrainId grainId, IGrainState<T> grainState) =>
        throw new NotSupportedException("no grain is ever cleared");

    /// <summary>The rows, and what happens around a write.</summary>
    public sealed class Table
    {
        public ConcurrentDictionary<string, (string Json, long Version)> Rows { get; } = new(StringComparer.Ordinal);

        public Func<Orleans.Runtime.GrainId, Task> Before { get; set; } = static _ => Task.CompletedTask;

        public Func<Orleans.Runtime.GrainId, Task> After { get; set; } = static _ => Task.CompletedTask;
    }
}
