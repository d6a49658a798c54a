using System.Globalization;

namespace JitGrains.Bench;

/// <summary>
/// The gateway with everything on beside what people would use without it: rounds interleaved, medians printed. A thousand
/// callers, each with a token of its own; a policy of 200 actions and 500 rules; the same requests to all.
/// </summary>
internal static class GatewayBench
{
    private const int Connections = 64;
    private const int Callers = 1_000;

    /// <summary>
    /// Processes of each kind. What the runtime's compiler happens to have seen when it compiles a method for the last time makes
    /// two processes of one build differ by up to a seventh, so one of each would be a lottery.
    /// </summary>
    private const int Processes = 3;

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(1);

    public static async Task<int> RunAsync(TimeSpan duration, int rounds, IReadOnlyCollection<string> only)
    {
        Console.WriteLine($"{Connections} connections, {Callers} callers, {Processes} processes each of gateway and yarp, {rounds} interleaved rounds of {duration.TotalSeconds:0} s with each, medians; client, upstream and proxy share this machine's {Environment.ProcessorCount} cores.");
        await using var upstream = await ServerProcess.StartSelfAsync("upstream");
        await using var nginx = await Nginx.StartAsync(upstream.Port);
        var stop = new Stack<IAsyncDisposable>();
        try
        {
            List<Target> yarps = [], allowed = [], many = [];
            foreach (var _ in Enumerable.Range(0, Processes))
            {
                var gateway = await Gateway.StartAsync(upstream.Url, text: BenchPolicy.Print());
                stop.Push(gateway);
                var yarp = await ServerProcess.StartSelfAsync("yarp", upstream.Url);
                stop.Push(yarp);
                var tokens = await TokensAsync(gateway, only.Count == 0 || only.Contains("many"));
                yarps.Add(new Target(yarp, "d7/items/N", tokens));
                allowed.Add(new Target(gateway.Process, "d7/items/N", tokens));
                many.Add(new Target(gateway.Process, "many/N", tokens));
            }

            Row[] rows =
            [
                new("upstream", [new Target(upstream, "d7/items/N", allowed[0].Tokens)]),
                new("yarp", yarps),
                new("nginx", [new Target(nginx, "d7/items/N", allowed[0].Tokens)]),
                new("allow", allowed),
                new("many", many),
            ];
            rows = [.. rows.Where(r => only.Count == 0 || only.Contains(r.Name))];
            await WarmUpAsync(rows);
            for (var round = 1; round <= rounds; round++)
            {
                // One process of each kind after the other: what is compared was measured within seconds.
                for (var process = 0; process < Processes; process++)
                {
                    foreach (var row in rows.Where(r => process < r.Targets.Count))
                        await MeasureAsync(row, row.Targets[process], duration);
                }
            }

            Print(rows);
        }
        finally
        {
            while (stop.TryPop(out var one))
                await one.DisposeAsync();
        }

        return 0;
    }

    /// <summary>
    /// Lets the runtime finish compiling: what runs often is compiled, counted, and compiled once more, which takes a busy machine long.
    /// With few connections at first, so that there is time for it.
    /// </summary>
    private static async Task WarmUpAsync(IReadOnlyList<Row> rows)
    {
        using var rest = new PeriodicTimer(Rest);
        foreach (var connections in (int[])[4, 4, Connections])
        {
            // nginx has nothing to compile.
            foreach (var target in rows.Where(r => r.Name != "nginx").SelectMany(r => r.Targets))
                await Wrk.RunAsync(target.Url, target.Tokens, connections, WarmUp);
            // One tick is due already.
            await rest.WaitForNextTickAsync();
            await rest.WaitForNextTickAsync();
        }
    }

    private static async Task MeasureAsync(Row row, Target target, TimeSpan duration)
    {
        var (user, system) = target.Server.ProcessorTime();
        var run = await Wrk.RunAsync(target.Url, target.Tokens, Connections, duration);
        var (userAfter, systemAfter) = target.Server.ProcessorTime();
        var requests = run.Rate * duration.TotalSeconds;
        target.Runs.Add(run);
        row.User.Add((userAfter - user).TotalMicroseconds / requests);
        row.System.Add((systemAfter - system).TotalMicroseconds / requests);
    }

    /// <summary>A token for each caller, an agent that acts for alice; with a many-use grant each where that is wanted.</summary>
    private static async Task<List<string>> TokensAsync(Gateway gateway, bool grants)
    {
        var bob = await gateway.TokenAsync("bob");
        var tokens = new string[Callers];
        await Parallel.ForAsync(0, Callers, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, _) =>
        {
            tokens[i] = await gateway.TokenAsync("alice", $"agent:bench-{i}");
            if (grants)
                await gateway.GrantAsync(tokens[i], bob, "bench.many", new { duration_seconds = 3600, uses = (int?)null });
        });
        return [.. tokens];
    }

    private static void Print(Row[] rows)
    {
        Console.WriteLine();
        Console.WriteLine("| what | requests/s | each process | p50 | p99 | its processor time a request, user + system | failed |");
        Console.WriteLine("|---|---:|---:|---:|---:|---:|---:|");
        foreach (var row in rows)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {row.Name} | {row.Rate:N0} | {string.Join(", ", row.Targets.Select(t => t.Rate.ToString("N0", CultureInfo.InvariantCulture)))} | {row.P50:0.00} ms | {row.P99:0.00} ms | {Median(row.User):0.0} + {Median(row.System):0.0} us | {row.Runs.Sum(r => r.Failed)} |"));
        }

        Console.WriteLine();
        foreach (var mine in rows.Where(r => r.Name is "allow" or "many"))
        {
            foreach (var other in rows.Where(r => r.Name is "yarp" or "nginx"))
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ratio {mine.Name}/{other.Name} {Ratio(mine, other, r => r.Rate):0.00}"));
            if (rows.FirstOrDefault(r => r.Name == "yarp") is { } yarp)
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ratio p99 {mine.Name}/yarp {Ratio(mine, yarp, r => r.P99):0.00}"));
        }
    }

    /// <summary>
    /// The median of the ratios of runs that came one after the other: a machine that is shared with others is slower in one minute than
    /// in the next, which the ratio of two medians takes for a difference between what was measured.
    /// </summary>
    private static double Ratio(Row mine, Row other, Func<WrkRun, double> figure) =>
        Median(mine.Targets.SelectMany((target, process) => target.Runs.Select((run, round) => figure(run) / figure(other.Targets[Math.Min(process, other.Targets.Count - 1)].Runs[round]))));

    private static double Median(IEnumerable<double> figures) => figures.Order().ElementAt(figures.Count() / 2);

    /// <summary>One process, and what is asked of it.</summary>
    private sealed record Target(ServerProcess Server, string Path, List<string> Tokens)
    {
        public string Url => $"{Server.Url}/{Path}";

        public List<WrkRun> Runs { get; } = [];

        public double Rate => Median(Runs.Select(r => r.Rate));
    }

    private sealed record Row(string Name, List<Target> Targets)
    {
        public IEnumerable<WrkRun> Runs => Targets.SelectMany(t => t.Runs);

        public List<double> User { get; } = [];

        public List<double> System { get; } = [];

        public double Rate => Median(Runs.Select(r => r.Rate));

        public double P50 => Median(Runs.Select(r => r.P50));

        public double P99 => Median(Runs.Select(r => r.P99));
    }
}
