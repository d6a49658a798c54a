using System.Globalization;

namespace JitGrains.Bench;

/// <summary>Requests per second and latency of everything in one run, rounds interleaved, medians printed.</summary>
internal static class Baseline
{
    private const int Connections = 64;

    public static async Task<int> RunAsync(TimeSpan duration, int rounds)
    {
        Console.WriteLine($"{Connections} connections, {rounds} interleaved rounds of {duration.TotalSeconds:0} s each, medians; client, servers and database share this machine's {Environment.ProcessorCount} cores.");
        await using var upstream = await ServerProcess.StartSelfAsync("upstream");
        await using var yarp = await ServerProcess.StartSelfAsync("yarp", upstream.Url);
        await using var gateway = await Gateway.StartAsync(upstream.Url);

        var bob = await gateway.TokenAsync("bob");
        var alice = await gateway.TokenAsync("alice");
        await gateway.GrantAsync(alice, bob, "bench.many", new { duration_seconds = 3600 });
        await gateway.GrantAsync(alice, bob, "bench.counted", new { uses = 1_000_000 });
        var callers = new List<string>();
        for (var i = 0; i < Connections; i++)
        {
            var agent = await gateway.TokenAsync("alice", $"agent:bench-{i}");
            await gateway.GrantAsync(agent, bob, "bench.counted", new { uses = 1_000_000 });
            callers.Add(agent);
        }

        Measured[] measured =
        [
            new("upstream", $"{upstream.Url}/allow", []),
            new("yarp", $"{yarp.Url}/allow", []),
            new("gateway, allow rule", $"{gateway.Process.Url}/allow", [alice]),
            new("gateway, many-use grant", $"{gateway.Process.Url}/many", [alice]),
            new("consumed, one principal", $"{gateway.Process.Url}/counted", [alice]),
            new($"consumed, {Connections} principals", $"{gateway.Process.Url}/counted", callers),
        ];
        foreach (var target in measured)
            await WrkAsync(target, TimeSpan.FromSeconds(3));
        for (var round = 1; round <= rounds; round++)
        {
            Console.Error.WriteLine($"round {round} of {rounds}");
            foreach (var target in measured)
                target.Runs.Add(await WrkAsync(target, duration));
        }

        Print(measured);
        return 0;
    }

    private static void Print(Measured[] measured)
    {
        Console.WriteLine();
        Console.WriteLine("| what | requests/s | p50 | p99 | failed |");
        Console.WriteLine("|---|---:|---:|---:|---:|");
        foreach (var target in measured)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {target.Name} | {target.Rate:N0} | {target.P50:0.00} ms | {target.P99:0.00} ms | {target.Runs.Sum(r => r.Failed)} |"));
        Console.WriteLine();
        var yarp = measured[1];
        foreach (var target in measured[2..])
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ratio {target.Name}/{yarp.Name} {target.Rate / yarp.Rate:0.00}"));
    }

    private static Task<WrkRun> WrkAsync(Measured target, TimeSpan duration) => Wrk.RunAsync(target.Url, target.Tokens, Connections, duration);

    private sealed record Measured(string Name, string Url, IReadOnlyList<string> Tokens)
    {
        public List<WrkRun> Runs { get; } = [];

        public double Rate => Median(r => r.Rate);

        public double P50 => Median(r => r.P50);

        public double P99 => Median(r => r.P99);

        private double Median(Func<WrkRun, double> figure) => Runs.Select(figure).Order().ElementAt(Runs.Count / 2);
    }
}
