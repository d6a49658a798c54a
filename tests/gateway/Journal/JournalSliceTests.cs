using System.Globalization;
using JitGrains.Gateway.Journal;
using JitGrains.GatewayTests.Support;
using JitGrains.TestSupport;

namespace JitGrains.GatewayTests.Journal;

/// <summary>Entries are sealed some at a time, as calls end, and written in batches of more.</summary>
public sealed class JournalSliceTests() : JournalTestBase(capacity: 1_000)
{
    // A fifth of what may wait.
    private const int Batch = 200;

    // That one is full is seen when the next of them are sealed.
    private const int Slice = 32;

    [Fact]
    public async Task A_full_batch_does_not_wait_for_its_second_also_after_seconds_without_calls()
    {
        for (var i = 0; i < 3; i++)
            await Tick();
        await Write(0, Batch + Slice);
        await Eventually.Get(async () => (await Store.GetHeadAsync("gateway/gw_1")).Sequence == 1 + Batch ? "written" : null);
        Assert.Equal(Numbers(0, Batch), await Verified("gateway/gw_1"));
    }

    [Fact]
    public async Task What_was_sealed_and_not_written_goes_to_the_next_chain_whole_and_in_order()
    {
        await Write(0, 100);
        Assert.Equal(1, (await Store.GetHeadAsync("gateway/gw_1")).Sequence);
        Epoch.Next();
        await Write(100, 50);
        Assert.Equal("gateway/gw_1.1", await Open());
        await Write(150, 10);
        await Written("gateway/gw_1.1", 161);
        Assert.Empty(await Verified("gateway/gw_1"));
        Assert.Equal(Numbers(0, 160), await Verified("gateway/gw_1.1"));
    }

    [Fact]
    public async Task What_the_store_did_not_take_is_offered_as_it_was_and_the_rest_follows()
    {
        Store.IsAway = true;
        await Write(0, Batch + Slice);
        await Eventually.Holds(() => Store.Refused > 0);
        await Write(Batch + Slice, 2 * Batch);
        Assert.Equal((3 * Batch) + Slice, Journal.Pending);
        Store.IsAway = false;
        await Written("gateway/gw_1", 1 + (3 * Batch) + Slice);
        Assert.Equal(Numbers(0, (3 * Batch) + Slice), await Verified("gateway/gw_1"));
        Assert.Equal((0, 0), (Journal.Pending, Broken));
    }

    [Fact]
    public async Task Calls_that_end_at_once_are_in_the_chain_once_each_whatever_the_store_does()
    {
        const int Calls = 4_000;
        using var over = new CancellationTokenSource();
        var ticking = Task.Run(async () =>
        {
            for (var i = 0; !over.IsCancellationRequested; i++)
            {
                Store.IsAway = i % 7 == 3;
                await Tick();
            }
        });
        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            for (var i = worker; i < Calls; i += 8)
                await Write(i.ToString(CultureInfo.InvariantCulture));
        })));
        await over.CancelAsync();
        await ticking;
        Store.IsAway = false;
        await Written("gateway/gw_1", 1 + Calls);
        // Calls that ran for a second of the test's have an entry more, which says that they do.
        await Holds(() => Journal.Pending == 0);
        Assert.Equal(Numbers(0, Calls), (await Verified("gateway/gw_1")).OrderBy(n => int.Parse(n, CultureInfo.InvariantCulture)));
        Assert.Equal(0, Broken);
    }

    [Fact]
    public async Task Where_calls_that_run_take_the_room_the_others_do_not_wait_for_a_full_batch()
    {
        var running = new List<JournalTicket>();
        for (var i = 0; i < 900; i++)
            running.Add((await Begin())!);
        await Write(0, 100);
        Assert.Equal(1, (await Store.GetHeadAsync("gateway/gw_1")).Sequence);

        var next = Begin().AsTask();
        await Eventually.Holds(() => next.IsCompleted);
        running.Add((await next)!);
        Assert.Equal(Numbers(0, 100), await Verified("gateway/gw_1"));
        running.ForEach(ticket => ticket.Dispose());
    }

    private async Task Write(int from, int count)
    {
        foreach (var number in Numbers(from, count))
            await Write(number);
    }

    private static IEnumerable<string> Numbers(int from, int count) => Enumerable.Range(from, count).Select(n => n.ToString(CultureInfo.InvariantCulture));
}
