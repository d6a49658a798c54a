namespace JitGrains.Runtime.Engine;

/// <summary>Keys in memory. Thread-safe.</summary>
internal sealed class MemoryKeyStore : IKeyStore
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, byte[]> keys = new(StringComparer.Ordinal);

    public Task<IReadOnlyDictionary<string, byte[]>> ReadAsync(CancellationToken cancellationToken = default)
    {
        lock (gate)
            return Task.FromResult<IReadOnlyDictionary<string, byte[]>>(keys.ToDictionary(StringComparer.Ordinal));
    }

    public Task AddAsync(IReadOnlyList<SharedKey> keys, CancellationToken cancellationToken = default)
    {
        lock (gate)
        {
            foreach (var key in keys)
                this.keys.TryAdd(key.Name, key.Value);
        }

        return Task.CompletedTask;
    }
}
