using System.Text.Json;
using JitGrains.Json;
using JitGrains.Outbox;
using JitGrains.Shell;

namespace JitGrains.Runtime.Engine;

/// <summary>A grain's state within one turn: JSON text in the store, an object of its own here.</summary>
internal sealed class PersistentState<TState>(Turn turn) : IPersistentState<TState>
{
    public TState State { get; set; } = turn.Session.Document is TState kept ? kept : Read(turn.Session.State);

    public bool RecordExists => turn.Session.ETag is not null;

    public string? Etag => turn.Session.ETag;

    public async Task WriteStateAsync()
    {
        turn.ThrowIfEnded();
        if (State is not IGrainDocument document)
        {
            await turn.WriteAsync(JsonSerializer.Serialize(State, JitJson.Options), []);
            return;
        }

        // The messages leave the document for rows of the same transaction; if that fails they are still in it.
        OutboxRecord[] outbox = [.. document.Outbox];
        document.Outbox.Clear();
        var mayBeLost = document.MayBeLost;
        document.MayBeLost = false;
        turn.Written = null;
        try
        {
            await turn.WriteAsync(JsonSerializer.Serialize(State, JitJson.Options), outbox, mayBeLost);
            turn.Written = document;
        }
        catch
        {
            foreach (var record in outbox)
                document.Outbox.Add(record);
            throw;
        }
    }

    public async Task ReadStateAsync()
    {
        turn.ThrowIfEnded();
        turn.Written = null;
        await turn.Session.ReloadAsync();
        State = Read(turn.Session.State);
    }

    private static TState Read(string? stored) =>
        stored is null
            ? Activator.CreateInstance<TState>()
            : JsonSerializer.Deserialize<TState>(stored, JitJson.Options)
              ?? throw new JsonException($"the stored {typeof(TState).Name} is null");
}
