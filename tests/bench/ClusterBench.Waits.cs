using System.Diagnostics;
using JitGrains.ClusterTests.Load;
using JitGrains.ClusterTests.Running;
using JitGrains.ClusterTests.Wire;

namespace JitGrains.Bench;

/// <summary>How long one waits: for a revocation, and for a vote to reach the held caller.</summary>
internal sealed partial class ClusterBench
{
    private const int Revocations = 400;
    private const int Votes = 400;

    // Rounds before those that count, a third of them at a time: what a process does once a second it has then done often enough, too.
    private const int WarmUp = 480;
    private const string RevocationHead = "| revocation, round trip | count | p50 | p99 | leases waited out |\n|---|---:|---:|---:|---:|";
    private const string VotingHead = "| from vote to the held caller's first byte | count | p50 | p99 |\n|---|---:|---:|---:|";

    /// <summary>Grants revoked one after the other, with nothing else going on or with allowed calls through every gateway.</summary>
    private async Task RevocationAsync(List<string> rows, bool load)
    {
        using var stop = new CancellationTokenSource();
        var loading = load ? LoadAsync(NewPerson(), stop.Token) : Task.CompletedTask;
        var figures = new Figures();
        var condemned = 0;
        for (var i = -WarmUp; i < Revocations; i++)
        {
            await MaybeRestAsync(i, load);
            // A holder of its own each time, with the grant in every gateway's memory.
            var number = WarmUp + i;
            var holder = NewPerson();
            var grant = await GrantAsync(holder, "bench.many", $"n={number}");
            foreach (var gateway in cluster.Gateways)
                await MustAsync(await client.Send("GET", new Uri(gateway.Process.Gateway, $"/many/{number}"), holder.Token));
            var silo = cluster.Silos[number % cluster.Silos.Count].Process.Control;
            var answer = await MustAsync(await client.Send("DELETE", new Uri(silo, $"/api/v1/grants/{grant}"), dave.Token, new { reason = "bench" }));
            if (i < 0)
                continue;
            figures.Add(answer.At!.Value - answer.SentAt);
            condemned += answer.Json["gateways_condemned"]!.GetValue<int>();
        }

        await stop.CancelAsync();
        await loading;
        rows.Add($"| {cluster.Gateways.Count} gateways, {Called(load)} | {figures} | {condemned} |");
        await Console.Error.WriteLineAsync(rows[^1]);
    }

    /// <summary>A call held at one gateway, and the vote at a silo; the time is from before the vote is sent.</summary>
    private async Task VotingAsync(List<string> rows, bool load)
    {
        using var stop = new CancellationTokenSource();
        var loading = load ? LoadAsync(NewPerson(), stop.Token) : Task.CompletedTask;
        using var held = new Client(oneByOne: true);
        var figures = new Figures();
        for (var i = -WarmUp; i < Votes; i++)
        {
            await MaybeRestAsync(i, load);
            var number = WarmUp + i;
            var caller = NewPerson();
            var gateway = cluster.Gateways[number % cluster.Gateways.Count].Process.Gateway;
            var call = held.Send("POST", new Uri(gateway, $"/hold/{number}"), caller.Token, new { number }, TimeSpan.FromMinutes(1), default, ("Prefer", "wait=30"));
            var silo = cluster.Silos[number % cluster.Silos.Count].Process.Control;
            var (id, digest) = await PendingAsync(silo, $"n={number}");
            // Nobody votes within milliseconds: what raising it has set off is over by then.
            using var moment = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
            await moment.WaitForNextTickAsync();
            var vote = await MustAsync(await client.Send("POST", new Uri(silo, $"/api/v1/requests/{id}/votes"), bob.Token, new { decision = "approve", digest }));
            var answer = await MustAsync(await call);
            if (i >= 0)
                figures.Add(answer.At!.Value - vote.SentAt);
        }

        await stop.CancelAsync();
        await loading;
        rows.Add($"| {Called(load)} | {figures} |");
        await Console.Error.WriteLineAsync(rows[^1]);
    }

    /// <summary>
    /// After each third of the warm-up the processes compile what has turned out to be run often; on few cores that takes longer
    /// than all that is measured. With nothing else going on, it is waited for.
    /// </summary>
    private async Task MaybeRestAsync(int round, bool load)
    {
        if (load || round > 0 || round == -WarmUp || round % (WarmUp / 3) != 0)
            return;
        using var ticks = new PeriodicTimer(TimeSpan.FromSeconds(1));
        for (var (i, used) = (0, Used()); i < 30 && await ticks.WaitForNextTickAsync(); i++)
        {
            var now = Used();
            if (now - used < TimeSpan.FromMilliseconds(60) * cluster.Members.Count)
                return;
            used = now;
        }

        TimeSpan Used() => TimeSpan.FromTicks(cluster.Members.Sum(m =>
        {
            using var process = Process.GetProcessById(m.Process.Id);
            return process.TotalProcessorTime.Ticks;
        }));
    }

    private async Task<(string Id, string Digest)> PendingAsync(Uri silo, string resource)
    {
        (string, string)? found = null;
        await Until.Holds(async () =>
        {
            var pending = await MustAsync(await client.Send("GET", new Uri(silo, "/api/v1/requests?status=pending&limit=5"), bob.Token));
            var request = pending.Json["items"]!.AsArray().FirstOrDefault(r => r!["resource"]!.GetValue<string>() == resource);
            found = request is null ? null : (request["id"]!.GetValue<string>(), request["digest"]!.GetValue<string>());
            return found is not null;
        });
        return found!.Value;
    }

    private static string Called(bool load) => load ? "under load" : "idle";
}
