using System.Text.Json.Nodes;
using JitGrains.ClusterTests.Histories;
using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Load;

/// <summary>A manager who votes on whatever is pending, now at one silo and now at another; two of them race for every request.</summary>
internal sealed class Approver(World world, Person me, int seed) : IDisposable
{
    private readonly Random random = new(seed);
    private readonly Client client = new();
    private readonly HashSet<string> voted = new(StringComparer.Ordinal);

    public async Task Run(CancellationToken stop)
    {
        await Task.Yield();
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(60));
        while (!stop.IsCancellationRequested)
        {
            var silo = World.Any(world.Silos, random);
            var pending = await client.Send("GET", new Uri(silo.Address, "/api/v1/requests?status=pending&limit=50"), me.Token, null, TimeSpan.FromSeconds(3), stop);
            if (pending.Succeeded)
            {
                var mine = pending.Json["items"]!.AsArray().Where(r => random.Next(4) > 0 && voted.Add(r!["id"]!.GetValue<string>())).ToList();
                await Task.WhenAll(mine.Select(r => Vote(r!)));
            }

            try
            {
                await pause.WaitForNextTickAsync(stop);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    public void Dispose() => client.Dispose();

    private async Task Vote(JsonNode request)
    {
        var id = request["id"]!.GetValue<string>();
        var decision = random.Next(12) == 0 ? "deny" : "approve";
        for (var attempt = 0; attempt < 3; attempt++)
        {
            var silo = World.Any(world.Silos, random);
            var vote = new { decision, digest = request["digest"]!.GetValue<string>() };
            var answer = await client.Send("POST", new Uri(silo.Address, $"/api/v1/requests/{id}/votes"), me.Token, vote, TimeSpan.FromSeconds(5));
            world.History.Add(new Voted(silo.Name, answer.SentAt, id, me.Principal, decision) { AnsweredAt = answer.At, Status = answer.Status, Problem = answer.Problem });
            world.History.Count(answer.Succeeded ? $"votes taken ({decision})" : $"votes answered {answer.Problem ?? answer.Status.ToString()}");
            if (answer.Status is not (0 or >= 500))
                return;
        }
    }
}
