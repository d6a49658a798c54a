using JitGrains.Audit;
using JitGrains.GatewayTests.Support;
using JitGrains.Runtime.Engine;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.GatewayTests.Journal;

/// <summary>An audit store of which a copy can be put in its place, and that can be away.</summary>
internal sealed class RestorableStore : AuditStoreInFront, IAsyncDisposable
{
    private readonly List<ServiceProvider> engines = [];
    private readonly List<AuditEntry> appended = [];
    private IAuditStore inner;

    public RestorableStore() => inner = New();

    public bool IsAway { get; set; }

    public int Refused { get; private set; }

    /// <summary>All that it holds now.</summary>
    public IReadOnlyList<AuditEntry> Copy() => [.. appended];

    public void Restore(IReadOnlyList<AuditEntry> copy)
    {
        var older = New();
        // In memory, and done when it returns.
        Assert.True(older.AppendAsync([.. copy]).IsCompletedSuccessfully);
        appended.Clear();
        appended.AddRange(copy);
        inner = older;
    }

    protected override IAuditStore Inner => inner;

    public override async Task AppendAsync(IReadOnlyList<AuditEntry> entries, CancellationToken cancellationToken = default)
    {
        if (IsAway)
        {
            Refused++;
            throw new IOException("the store is away");
        }

        await inner.AppendAsync(entries, cancellationToken);
        appended.AddRange(entries);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var engine in engines)
            await engine.DisposeAsync();
    }

    private IAuditStore New()
    {
        var services = new ServiceCollection().AddLogging().AddMetrics().AddSingleton(TimeProvider.System);
        services.AddGrainEngine(options => options.UseMemory = true);
        engines.Add(services.BuildServiceProvider());
        return engines[^1].GetRequiredService<IAuditStore>();
    }
}
