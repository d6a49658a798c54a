using JitGrains.ClusterTests.Histories;
using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Load;

/// <summary>Ends grants while they are in use: one of them, or all of their holder. One thing at a time, so that each answer's arrival has the kernel's stamp.</summary>
internal sealed class Revoker(World world, int seed, TimeSpan rest) : IDisposable
{
    private readonly Random random = new(seed);
    private readonly Client client = new(oneByOne: true);

    public async Task Run(CancellationToken stop)
    {
        await Task.Yield();
        while (!stop.IsCancellationRequested)
        {
            var live = world.Live.Where(g => !g.Ending).ToList();
            if (live.Count > 0)
                await End(live[random.Next(live.Count)]);
            try
            {
                await Until.Passed(rest * random.NextDouble() * 2, stop);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    public void Dispose() => client.Dispose();

    /// <summary>Mostly one grant; at times all of its holder, and now and then all for its action.</summary>
    private async Task End(LiveGrant grant)
    {
        var (kind, method, path) = random.Next(24) switch
        {
            0 => (EndKind.Selection, "POST", "revocations"),
            < 5 => (EndKind.Principal, "POST", $"principals/{grant.Subject.Caller}/revoke"),
            _ => (EndKind.Grant, "DELETE", $"grants/{grant.Id}"),
        };
        grant.Ending = true;
        // Sent again until it is answered: a revocation that a killed silo did not finish promises nothing.
        for (var attempt = 0; attempt < 4; attempt++)
        {
            // Whatever it is about that is in use by now is ended with it.
            List<string> certain = [.. world.Live.Where(g => g == grant || Concerns(kind, grant, g)).Select(g => g.Id)];
            object body = kind == EndKind.Selection ? new { action = grant.Subject.Action, reason = "the fault tests end it" } : new { reason = "the fault tests end it" };
            var silo = World.Any(world.Silos, random);
            var answer = await client.Send(method, new Uri(silo.Address, "/api/v1/" + path), world.Operator.Token, body, Revocations.Patience);
            Revocations.Note(world.History, silo, answer, kind, certain, grant.Subject.Caller);
            grant.Ended |= answer.Succeeded;
            if (answer.Status is not (0 or >= 500))
                return;
        }
    }

    private static bool Concerns(EndKind kind, LiveGrant named, LiveGrant other) => kind switch
    {
        EndKind.Principal => other.Subject.Caller == named.Subject.Caller,
        EndKind.Selection => other.Subject.Action == named.Subject.Action,
        _ => false,
    };
}
