using JitGrains.Audit;

namespace JitGrains.GatewayTests.Journal;

/// <summary>A journal that runs on while its store is set back to an older copy.</summary>
public sealed class JournalTests() : JournalTestBase(capacity: 10_000)
{
    [Fact]
    public async Task Another_epoch_has_another_chain_that_takes_up_what_was_not_written()
    {
        await Write("one");
        await Written("gateway/gw_1", 2);
        var copy = Store.Copy();
        await Write("two");
        await Written("gateway/gw_1", 3);

        Store.IsAway = true;
        await Write("three");
        await Holds(() => Store.Refused > 0);
        Store.Restore(copy);
        Store.IsAway = false;
        Epoch.Next();
        await Write("four");
        Time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(2, Journal.Pending);

        Assert.Equal("gateway/gw_1.1", await Open());
        await Written("gateway/gw_1.1", 3);
        Assert.Equal(["one"], await Verified("gateway/gw_1"));
        Assert.Equal(["three", "four"], await Verified("gateway/gw_1.1"));
        Assert.Null(Journal.NextChain(Epoch.Current));
    }

    [Fact]
    public async Task A_store_that_lost_entries_unnoticed_gets_no_gap()
    {
        var copy = Store.Copy();
        await Write("one");
        await Written("gateway/gw_1", 2);
        Store.Restore(copy);
        await Write("two");
        await Holds(() => Broken == 1);
        Assert.Equal(1, (await Store.GetHeadAsync("gateway/gw_1")).Sequence);

        Assert.Equal("gateway/gw_1.1", await Open());
        await Written("gateway/gw_1.1", 2);
        Assert.Empty(await Verified("gateway/gw_1"));
        Assert.Equal(["two"], await Verified("gateway/gw_1.1"));
    }

    [Fact]
    public async Task Nothing_of_a_chain_is_written_before_it_has_begun()
    {
        Epoch.Next();
        var first = Journal.NextChain(Epoch.Current);
        await Write("one");
        for (var i = 0; i < 5; i++)
            await Tick();
        // Whoever dies here leaves no chain that the system chain does not name.
        Assert.Equal(["gateway/gw_1"], await Store.ListSourcesAsync().Select(s => s.Source).ToListAsync());
        Assert.Equal(1, Journal.Pending);

        // Whether it was committed is not known: the next is another, and what waited goes there.
        await Store.AppendAsync([first!]);
        Assert.Equal("gateway/gw_1.2", await Open());
        await Written("gateway/gw_1.2", 2);
        Assert.Equal(["one"], await Verified("gateway/gw_1.2"));
        Assert.Empty(await Verified("gateway/gw_1.1"));
    }

    [Fact]
    public async Task A_chain_of_an_epoch_that_ended_meanwhile_is_not_written_to()
    {
        Epoch.Next();
        var then = Epoch.Current;
        var first = Journal.NextChain(then)!;
        Epoch.Next();
        await Journal.ChainBegan(first, then);
        await Write("one");
        for (var i = 0; i < 5; i++)
            await Tick();
        Assert.Equal(1, Journal.Pending);
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
        Assert.Equal((1, 0), (Journal.Pending, Broken));

        await Store.AppendAsync([first]);
        await Written("gateway/gw_1.1", 2);
        Assert.Equal(["one"], await Verified("gateway/gw_1.1"));
        Assert.Null(Journal.NextChain(Epoch.Current));
    }

    [Fact]
    public async Task A_first_entry_that_does_not_come_is_lost_and_one_that_was_there_is_not_waited_for()
    {
        await BeginBeforeItsFirst();
        Time.Advance(TimeSpan.FromSeconds(30));
        await Write("one");
        await Holds(() => Broken == 1);
        Assert.Equal("gateway/gw_1.2", await Open());
        await Written("gateway/gw_1.2", 2);

        Store.Restore([]);
        await Write("two");
        await Holds(() => Broken == 2);
        Assert.Equal("gateway/gw_1.3", await Open());
        await Written("gateway/gw_1.3", 2);
        Assert.Equal(["two"], await Verified("gateway/gw_1.3"));
    }

    /// <summary>Another epoch's chain, whose first entry is on its way to the store, where it may be for 30 s; that entry.</summary>
    private async Task<AuditEntry> BeginBeforeItsFirst()
    {
        Epoch.Next();
        var first = Journal.NextChain(Epoch.Current)!;
        await Journal.ChainBegan(first, Epoch.Current);
        return first;
    }
}
