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

/// <summary>A journal that runs on while its store is set back to an older copy.</summary>
public sealed class JournalTests : IAsyncLifetime
{
    private static readonly Caller Caller = new() { Principal = new PrincipalId("dev:user:alice"), TokenIssuedAt = default, TokenExpiresAt = default };

    private readonly RestorableStore store = new();
    private readonly HandEpoch epoch = new();
    private readonly ManualTime time = new();
    private readonly ServiceProvider services = new ServiceCollection().AddMetrics().AddSingleton<GatewayMetrics>().AddSingleton(TimeProvider.System).BuildServiceProvider();
    private readonly GatewayJournal journal;
    private int broken;

    public JournalTests()
    {
        journal = new GatewayJournal(
            new Incarnation("gw_1"), store, epoch, new AuditSealer(new SecretKey(new byte[32])), new GatewayOptions(), services.GetRequiredService<GatewayMetrics>(), time,
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
        store.IsAway = false;
        await Open();
        await journal.StopAsync(CancellationToken.None);
        journal.Dispose();
        await store.DisposeAsync();
        await services.DisposeAsync();
    }

    [Fact]
    public async Task Another_epoch_has_another_chain_that_takes_up_what_was_not_written()
    {
        await Write("one");
        await Written("gateway/gw_1", 2);
        var copy = store.Copy();
        await Write("two");
        await Written("gateway/gw_1", 3);

        store.IsAway = true;
        await Write("three");
        await Holds(() => store.Refused > 0);
        store.Restore(copy);
        store.IsAway = false;
        epoch.Next();
        await Write("four");
        time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(2, journal.Pending);

        Assert.Equal("gateway/gw_1.1", await Open());
        await Written("gateway/gw_1.1", 3);
        Assert.Equal(["one"], await Verified("gateway/gw_1"));
        Assert.Equal(["three", "four"], await Verified("gateway/gw_1.1"));
        Assert.Null(journal.NextChain(epoch.Current));
    }

    [Fact]
    public async Task A_store_that_lost_entries_unnoticed_gets_no_gap()
    {
        var copy = store.Copy();
        await Write("one");
        await Written("gateway/gw_1", 2);
        store.Restore(copy);
        await Write("two");
        await Holds(() => Volatile.Read(ref broken) == 1);
        Assert.Equal(1, (await store.GetHeadAsync("gateway/gw_1")).Sequence);

        Assert.Equal("gateway/gw_1.1", await Open());
        await Written("gateway/gw_1.1", 2);
        Assert.Empty(await Verified("gateway/gw_1"));
        Assert.Equal(["two"], await Verified("gateway/gw_1.1"));
    }

    [Fact]
    public async Task Nothing_of_a_chain_is_written_before_it_has_begun()
    {
        epoch.Next();
        var first = journal.NextChain(epoch.Current);
        await Write("one");
        for (var i = 0; i < 5; i++)
            await Tick();
        // Whoever dies here leaves no chain that the system chain does not name.
        Assert.Equal(["gateway/gw_1"], await store.ListSourcesAsync().Select(s => s.Source).ToListAsync());
        Assert.Equal(1, journal.Pending);

        // Whether it was committed is not known: the next is another, and what waited goes there.
        await store.AppendAsync([first!]);
        Assert.Equal("gateway/gw_1.2", await Open());
        await Written("gateway/gw_1.2", 2);
        Assert.Equal(["one"], await Verified("gateway/gw_1.2"));
        Assert.Empty(await Verified("gateway/gw_1.1"));
    }

    [Fact]
    public async Task A_chain_of_an_epoch_that_ended_meanwhile_is_not_written_to()
    {
        epoch.Next();
        var then = epoch.Current;
        var first = journal.NextChain(then)!;
        epoch.Next();
        await journal.ChainBegan(first, then);
        await Write("one");
        for (var i = 0; i < 5; i++)
            await Tick();
        Assert.Equal(1, journal.Pending);
        Assert.Equal("gateway/gw_1.2", await Open());
        await Written("gateway/gw_1.2", 2);
    }

    [Fact]
    public async Task Where_the_first_entry_is_on_its_way_the_chain_waits_for_it_and_is_one()
    {
        var first = await BeginBeforeItsFirst();
        await Write("one");
        for (var i = 0; i < 5; i++)
            await Tick();
        Assert.Equal((1, 0), (journal.Pending, Volatile.Read(ref broken)));

        await store.AppendAsync([first]);
        await Written("gateway/gw_1.1", 2);
        Assert.Equal(["one"], await Verified("gateway/gw_1.1"));
        Assert.Null(journal.NextChain(epoch.Current));
    }

    [Fact]
    public async Task A_first_entry_that_does_not_come_is_lost_and_one_that_was_there_is_not_waited_for()
    {
        await BeginBeforeItsFirst();
        time.Advance(TimeSpan.FromSeconds(30));
        await Write("one");
        await Holds(() => Volatile.Read(ref broken) == 1);
        Assert.Equal("gateway/gw_1.2", await Open());
        await Written("gateway/gw_1.2", 2);

        store.Restore([]);
        await Write("two");
        await Holds(() => Volatile.Read(ref broken) == 2);
        Assert.Equal("gateway/gw_1.3", await Open());
        await Written("gateway/gw_1.3", 2);
        Assert.Equal(["two"], await Verified("gateway/gw_1.3"));
    }

    /// <summary>Begins the next chain, as the opening of a lease does; its name.</summary>
    private async Task<string?> Open()
    {
        if (journal.NextChain(epoch.Current) is not { } first)
            return null;
        await store.AppendAsync([first]);
        await journal.ChainBegan(first, epoch.Current);
        return first.Source;
    }

    /// <summary>Another epoch's chain, whose first entry is on its way to the store, where it may be for 30 s; that entry.</summary>
    private async Task<AuditEntry> BeginBeforeItsFirst()
    {
        epoch.Next();
        var first = journal.NextChain(epoch.Current)!;
        await journal.ChainBegan(first, epoch.Current);
        return first;
    }

    private async Task Tick()
    {
        time.Advance(TimeSpan.FromSeconds(1));
        await Task.Yield();
    }

    private async Task Write(string what)
    {
        using var ticket = await journal.Begin(new CallFacts(Caller, "sha256-1", "GET", "orders"), CancellationToken.None);
        ticket!.Write(AuditTypes.CallForwarded, more: new AuditField("what", what));
    }

    /// <summary>Lets time pass until it does.</summary>
    private Task Holds(Func<bool> condition) => Eventually.Holds(() =>
    {
        time.Advance(TimeSpan.FromSeconds(1));
        return condition();
    });

    private async Task Written(string source, long sequence) => await Eventually.Get(async () =>
    {
        time.Advance(TimeSpan.FromSeconds(1));
        return (await store.GetHeadAsync(source)).Sequence >= sequence ? "written" : null;
    });

    /// <summary>What the chain's calls say, where it is whole.</summary>
    private async Task<List<string>> Verified(string source)
    {
        var chain = new AuditChain(source);
        var found = new List<string>();
        await foreach (var entry in store.ReadChainAsync(source))
        {
            Assert.Null(chain.Next(new StoredEntry(entry.Source, entry.Sequence, entry.Hash, entry.Body)));
            if (System.Text.Json.Nodes.JsonNode.Parse(entry.Body)!["data"]!["what"] is { } what)
                found.Add(what.GetValue<string>());
        }

        return found;
    }
}
