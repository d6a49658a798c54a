using System.Globalization;
using JitGrains.TestSupport;

namespace JitGrains.Bench;

/// <summary>
/// How long a gateway takes from its start until a call has its answer from the upstream, and what another policy costs those who call
/// while it comes into force, with the policy of 200 actions and 500 rules.
/// </summary>
internal static class StartBench
{
    private const int Starts = 9;
    private const int Connections = 64;
    private const string Path = "/d7/items/1";

    /// <summary>Starts each program several times over data of its own, in turn.</summary>
    /// <param name="programs">Name and program, one after the other; the one beside the bench where none are given.</param>
    public static async Task<int> StartAsync(string[] programs)
    {
        if (programs.Length == 0)
            programs = ["as built", GatewayProgram.Path];
        await using var upstream = await ServerProcess.StartSelfAsync("upstream");
        var rows = new List<StartRow>();
        try
        {
            foreach (var row in programs.Chunk(2))
            {
                var gateway = await Gateway.StartAsync(upstream.Url, text: BenchPolicy.Print(), program: row[1]);
                rows.Add(new StartRow(row[0], gateway, await gateway.TokenAsync("alice"), []));
                await gateway.StopAsync();
            }

            for (var i = 0; i < Starts; i++)
            {
                foreach (var row in rows)
                {
                    row.Times.Add((await row.Gateway.TimeStartAsync(Path, row.Token)).TotalMilliseconds);
                    await row.Gateway.StopAsync();
                }
            }
        }
        finally
        {
            foreach (var row in rows)
                await row.Gateway.DisposeAsync();
        }

        Console.WriteLine($"From the process' start to the first proxied answer, {Starts} starts each, in turn:");
        Console.WriteLine();
        Console.WriteLine("| | median | shortest | longest |");
        Console.WriteLine("|---|---:|---:|---:|");
        foreach (var row in rows)
        {
            row.Times.Sort();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {row.Name} | {row.Times[row.Times.Count / 2]:N0} ms | {row.Times[0]:N0} ms | {row.Times[^1]:N0} ms |"));
        }

        return 0;
    }

    /// <summary>Full load with and without a new policy every other second, in turn.</summary>
    public static async Task<int> ReloadAsync(TimeSpan duration, int rounds)
    {
        await using var upstream = await ServerProcess.StartSelfAsync("upstream");
        await using var gateway = await Gateway.StartAsync(upstream.Url, text: BenchPolicy.Print());
        var token = await gateway.TokenAsync("alice");
        var bob = await gateway.TokenAsync("bob");
        string[] tokens = [token];
        var url = $"{gateway.Process.Url}{Path}";
        for (var i = 0; i < 3; i++)
            await Wrk.RunAsync(url, tokens, Connections, TimeSpan.FromSeconds(4));
        var (plain, reloaded) = (new List<WrkRun>(), new List<WrkRun>());
        var versions = new HashSet<string>(StringComparer.Ordinal);
        for (var round = 0; round < rounds; round++)
        {
            plain.Add(await Wrk.RunAsync(url, tokens, Connections, duration));
            using var stop = new CancellationTokenSource();
            var changing = ChangeAsync(gateway, bob, round, versions, stop.Token);
            reloaded.Add(await Wrk.RunAsync(url, tokens, Connections, duration));
            await stop.CancelAsync();
            await changing;
        }

        Console.WriteLine($"{Connections} connections, {rounds} interleaved rounds of {duration.TotalSeconds:0} s each; at least {versions.Count} policies came into force.");
        Console.WriteLine();
        Console.WriteLine("| policy | requests/s | p50 | p99 | longest | failed |");
        Console.WriteLine("|---|---:|---:|---:|---:|---:|");
        Print("stays", plain);
        Print("changes", reloaded);
        Console.WriteLine();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ratio p99 changes/stays {Median(reloaded, r => r.P99) / Median(plain, r => r.P99):0.00}"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ratio longest changes/stays {Median(reloaded, r => r.Longest) / Median(plain, r => r.Longest):0.00}"));
        return versions.Count >= rounds && reloaded.Sum(r => r.Failed) == 0 ? 0 : 1;
    }

    /// <summary>Writes policies until told to stop, and notes those that came into force.</summary>
    private static async Task ChangeAsync(Gateway gateway, string approver, int round, HashSet<string> versions, CancellationToken stop)
    {
        using var ticks = new PeriodicTimer(TimeSpan.FromSeconds(2));
        try
        {
            for (var n = 0; ; n++)
            {
                await gateway.ChangePolicyAsync((round * 1_000) + n);
                await ticks.WaitForNextTickAsync(stop);
                versions.Add(await gateway.PolicyVersionAsync(approver));
            }
        }
        catch (OperationCanceledException)
        {
            // The round is over.
        }
    }

    private static void Print(string name, List<WrkRun> runs) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"| {name} | {Median(runs, r => r.Rate):N0} | {Median(runs, r => r.P50):0.00} ms | {Median(runs, r => r.P99):0.00} ms | {Median(runs, r => r.Longest):0.0} ms | {runs.Sum(r => r.Failed)} |"));

    private sealed record StartRow(string Name, Gateway Gateway, string Token, List<double> Times);

    private static double Median(List<WrkRun> runs, Func<WrkRun, double> figure) => runs.Select(figure).Order().ElementAt(runs.Count / 2);
}
