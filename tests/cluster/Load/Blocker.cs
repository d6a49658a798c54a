using JitGrains.ClusterTests.Histories;
using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Load;

/// <summary>Blocks somebody who calls what an allow rule lets through, at every gateway, and goes on calling until well after.</summary>
internal sealed class Blocker(World world, int seed) : IDisposable
{
    private static readonly TimeSpan Around = TimeSpan.FromMilliseconds(300);

    private readonly Random random = new(seed);
    private readonly Client caller = new();
    private readonly Client silos = new(oneByOne: true);

    public async Task Run(CancellationToken stop)
    {
        await Task.Yield();
        while (!stop.IsCancellationRequested)
        {
            await Once();
            try
            {
                await Until.Passed(Around, stop);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    public void Dispose()
    {
        caller.Dispose();
        silos.Dispose();
    }

    private async Task Once()
    {
        var person = world.NewCaller();
        var order = world.History.NewSubject("orders.read", person.Principal, Gate.Allow);
        using var enough = new CancellationTokenSource();
        var calling = Task.WhenAll(world.Gateways.Select(g => Call(g, person, order, enough.Token)));
        await Until.Passed(Around);
        var silo = World.Any(world.Silos, random);
        var path = new Uri(silo.Address, $"/api/v1/blocks/{person.Principal}");
        var answer = await silos.Send("PUT", path, world.Operator.Token, new { reason = "the fault tests block" }, Revocations.Patience);
        Revocations.Note(world.History, silo, answer, EndKind.Block, [], person.Principal);
        await Until.Passed(Around);
        await enough.CancelAsync();
        await calling;
        // Nobody calls as this person any more: the list of blocks is kept short.
        await silos.Send("DELETE", path, world.Operator.Token, null, Revocations.Patience);
    }

    private async Task Call(Place gateway, Person person, Subject order, CancellationToken enough)
    {
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (!enough.IsCancellationRequested)
        {
            var id = world.History.NewCall();
            var answer = await caller.Send("GET", new Uri(gateway.Address, $"/orders/{order.Order}"), person.Token, null, TimeSpan.FromSeconds(8), default, ("X-Call", id));
            world.History.Add(new Call(gateway.Name, answer.SentAt, id, order) { AnsweredAt = answer.At, Status = answer.Status, Problem = answer.Problem });
            world.History.Count(answer.Status == 0 ? "calls without an answer" : answer.Succeeded ? $"calls that ran ({order.Action})" : $"calls answered {answer.Problem ?? answer.Status.ToString()}");
            await pause.WaitForNextTickAsync(CancellationToken.None);
        }
    }
}
