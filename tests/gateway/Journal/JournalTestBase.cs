using JitGrains.Audit;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Journal;
using JitGrains.Gateway.Telemetry;
using JitGrains.GatewayTests.Leases;
using JitGrains.GatewayTests.Support;
using JitGrains.Identity;
using JitGrains.Runtime.Engine;
using JitGrains.Secrets;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace JitGrains.GatewayTests.Journal;

/// <summary>A journal over a store that can be set back, in a chain that has begun, and time that passes by hand.</summary>
public abstract class JournalTestBase : IAsyncLifetime
{
    private static readonly Caller Caller = new() { Principal = new PrincipalId("dev:user:alice"), TokenIssuedAt = default, TokenExpiresAt = default };

    private readonly ServiceProvider services = new ServiceCollection().AddMetrics().AddSingleton<GatewayMetrics>().AddSingleton(TimeProvider.System).BuildServiceProvider();
    private readonly GatewayJournal journal;
    private int broken;

    private protected RestorableStore Store { get; } = new();

    private protected HandEpoch Epoch { get; } = new();

    private protected ManualTime Time { get; } = new();

    private protected GatewayJournal Journal => journal;

    private protected int Broken => Volatile.Read(ref broken);

    protected JournalTestBase(int capacity)
    {
        journal = new GatewayJournal(
            new Incarnation("gw_1"), Store, Epoch, new AuditSealer(new SecretKey(new byte[32])), new GatewayOptions { JournalCapacity = capacity }, services.GetRequiredService<GatewayMetrics>(), Time,
            NullLogger<GatewayJournal>.Instance, firstMayBeLate: TimeSpan.FromSeconds(30));
        journal.Broken += (_, _) => Interlocked.Increment(ref broken);
    }

    public async Task InitializeAsync()
    {
        await journal.StartAsync(CancellationToken.None);
        Assert.Equal("gateway/gw_1", await Open());
    }

    public async Task DisposeAsync()
    {
        Store.IsAway = false;
        await Open();
        await journal.StopAsync(CancellationToken.None);
        journal.Dispose();
        await Store.DisposeAsync();
        await services.DisposeAsync();
    }

    /// <summary>Begins the next chain, as the opening of a lease does; its name.</summary>
    protected async Task<string?> Open()
    {
        if (journal.NextChain(Epoch.Current) is not { } first)
            return null;
        await Store.AppendAsync([first]);
        await journal.ChainBegan(first, Epoch.Current);
        return first.Source;
    }

    protected async Task Tick()
    {
        Time.Advance(TimeSpan.FromSeconds(1));
        await Task.Yield();
    }

    private protected ValueTask<JournalTicket?> Begin() => journal.Begin(new CallFacts(Caller, "sha256-1", "GET", "orders"), CancellationToken.None);

    protected async Task Write(string what)
    {
        // Where there is no room for seconds, it comes again.
        JournalTicket? ticket;
        while ((ticket = await Begin()) is null)
            await Task.Yield();
        using (ticket)
            ticket.Write(AuditTypes.CallForwarded, more: new AuditField("what", what));
    }

    /// <summary>Lets time pass until it does.</summary>
    protected Task Holds(Func<bool> condition) => Eventually.Holds(() =>
    {
        Time.Advance(TimeSpan.FromSeconds(1));
        return condition();
    });

    protected async Task Written(string source, long sequence) => await Eventually.Get(async () =>
    {
        Time.Advance(TimeSpan.FromSeconds(1));
        return (await Store.GetHeadAsync(source)).Sequence >= sequence ? "written" : null;
    });

    /// <summary>What the chain's calls say, where it is whole.</summary>
    protected async Task<List<string>> Verified(string source)
    {
        var chain = new AuditChain(source);
        var found = new List<string>();
        await foreach (var entry in Store.ReadChainAsync(source))
        {
            Assert.Null(chain.Next(new StoredEntry(entry.Source, entry.Sequence, entry.Hash, entry.Body)));
            if (System.Text.Json.Nodes.JsonNode.Parse(entry.Body)!["data"]!["what"] is { } what)
                found.Add(what.GetValue<string>());
        }

        return found;
    }
}
