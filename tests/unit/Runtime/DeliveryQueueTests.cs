using JitGrains.Runtime.Engine;

namespace JitGrains.UnitTests.Runtime;

public class DeliveryQueueTests
{
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

        Assert.Equal(new Delivery("a", "chat", "request.raised", "body of a", 0, queued, queued), (await queue.ReadDueAsync(queued, 10))[0]);
        Assert.Equal(queued, await queue.NextDueAsync());

        await queue.CompleteAsync("a");
        await queue.RetryAsync("b", queued + TimeSpan.FromSeconds(5));
        await queue.GiveUpAsync("c");
        Assert.Empty(await queue.ReadDueAsync(queued, 10));
        Assert.Equal(queued + TimeSpan.FromSeconds(5), await queue.NextDueAsync());
        var again = Assert.Single(await queue.ReadDueAsync(queued + TimeSpan.FromSeconds(5), 10));
        Assert.Equal(("b", 1), (again.Id, again.Attempts));

        // What was delivered is remembered, so that the same event is not sent twice; until it is pruned.
        await queue.EnqueueAsync(new NewDelivery("a", "chat", "request.raised", "again"));
        Assert.Single(await queue.ReadDueAsync(queued + TimeSpan.FromHours(1), 10));
        Assert.Equal(0, await queue.PruneAsync(queued));
        Assert.Equal(2, await queue.PruneAsync(queued + TimeSpan.FromTicks(1)));
        await queue.EnqueueAsync(new NewDelivery("a", "chat", "request.raised", "again"));
        Assert.Equal(["a", "b"], (await queue.ReadDueAsync(queued + TimeSpan.FromHours(1), 10)).Select(d => d.Id));
    }
}
