using JitGrains.Runtime.Engine;

namespace JitGrains.UnitTests.Runtime;

public class DeliveryQueueTests
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    public static TheoryData<string> Stores => EngineHarness.Stores;

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_delivery_is_kept_until_it_succeeded_or_was_given_up(string store)
    {
        await using var engine = EngineHarness.Create(store);
        var queue = engine.Get<IDeliveryQueue>();
        var queued = engine.Time.GetUtcNow();
        foreach (var id in (string[])["a", "b", "c"])
            await queue.EnqueueAsync(new NewDelivery(id, "chat", "request.raised", $"body of {id}"));
        await queue.EnqueueAsync(new NewDelivery("a", "chat", "request.raised", "again"));

        Assert.Equal(queued, await queue.NextDueAsync());
        Assert.Equal(new Delivery("a", "chat", "request.raised", "body of a", 0, queued, queued), Assert.Single(await queue.ClaimDueAsync(queued, Lease, 1)));
        Assert.Equal(["b", "c"], (await queue.ClaimDueAsync(queued, Lease, 10)).Select(d => d.Id));

        await queue.CompleteAsync("a");
        await queue.RetryAsync("b", queued + TimeSpan.FromSeconds(5));
        await queue.GiveUpAsync("c");
        Assert.Empty(await queue.ClaimDueAsync(queued, Lease, 10));
        Assert.Equal(queued + TimeSpan.FromSeconds(5), await queue.NextDueAsync());
        var again = Assert.Single(await queue.ClaimDueAsync(queued + TimeSpan.FromSeconds(5), Lease, 10));
        Assert.Equal(("b", 1), (again.Id, again.Attempts));

        // What was delivered is remembered, so that the same event is not sent twice; until it is pruned.
        await queue.EnqueueAsync(new NewDelivery("a", "chat", "request.raised", "again"));
        Assert.Single(await queue.ClaimDueAsync(queued + TimeSpan.FromHours(1), Lease, 10));
        Assert.Equal(0, await queue.PruneAsync(queued));
        Assert.Equal(2, await queue.PruneAsync(queued + TimeSpan.FromTicks(1)));
        await queue.EnqueueAsync(new NewDelivery("a", "chat", "request.raised", "again"));
        Assert.Equal(["a", "b"], (await queue.ClaimDueAsync(queued + TimeSpan.FromHours(2), Lease, 10)).Select(d => d.Id));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task What_one_has_taken_nobody_else_is_given_before_its_lease_is_over(string store)
    {
        await using var engine = EngineHarness.Create(store);
        var queue = engine.Get<IDeliveryQueue>();
        var now = engine.Time.GetUtcNow();
        foreach (var number in Enumerable.Range(0, 40))
            await queue.EnqueueAsync(new NewDelivery($"d{number:00}", "chat", "request.raised", "body"));

        var takers = Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            var mine = new List<string>();
            while (await queue.ClaimDueAsync(now, Lease, 3) is { Count: > 0 } due)
                mine.AddRange(due.Select(d => d.Id));
            return mine;
        }));
        var taken = (await Task.WhenAll(takers)).SelectMany(ids => ids).ToArray();

        Assert.Equal(40, taken.Length);
        Assert.Equal(40, taken.Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(now + Lease, await queue.NextDueAsync());
        await queue.CompleteAsync("d00");
        Assert.Empty(await queue.ClaimDueAsync(now + Lease - TimeSpan.FromTicks(1), Lease, 50));
        Assert.Equal(39, (await queue.ClaimDueAsync(now + Lease, Lease, 50)).Count);
    }
}
