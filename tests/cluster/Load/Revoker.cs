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

    private async Task End(LiveGrant grant)
    {
        var silo = World.Any(world.Silos, random);
        grant.Ending = true;
        var all = random.Next(4) == 0;
        var holder = grant.Subject.Caller;
        // Sent again until it is answered: a revocation that a killed silo did not finish promises nothing.
        for (var attempt = 0; attempt < 4; attempt++)
        {
            // Whatever else the holder has in use by now is ended with it.
            List<string> certain = all ? [.. world.Live.Where(g => g.Subject.Caller == holder).Select(g => g.Id)] : [grant.Id];
            var answer = await client.Send(
                all ? "POST" : "DELETE",
                new Uri(silo.Address, all ? $"/api/v1/principals/{holder}/revoke" : $"/api/v1/grants/{grant.Id}"),
                world.Operator.Token,
                new { reason = "the fault tests end it" },
                TimeSpan.FromSeconds(40));
            var ended = new Ended(silo.Name, answer.SentAt, all ? EndKind.Principal : EndKind.Grant, certain) { AnsweredAt = answer.At, Status = answer.Status, Problem = answer.Problem, Principal = holder };
            if (answer.Succeeded)
            {
                var json = answer.Json;
                ended = ended with
                {
                    Answered = [.. json["grant_ids"]!.AsArray().Select(g => g!.GetValue<string>())],
                    Acknowledged = json["gateways_acknowledged"]!.GetValue<int>(),
                    Condemned = json["gateways_condemned"]!.GetValue<int>(),
                    Took = json["milliseconds"]!.GetValue<double>(),
                };
                grant.Ended = true;
            }

            world.History.Add(ended);
            world.History.Count(answer.Succeeded ? "revocations" : $"revocations answered {answer.Problem ?? answer.Status.ToString()}");
            if (answer.Status is not (0 or >= 500))
                return;
            silo = World.Any(world.Silos, random);
        }
    }
}
