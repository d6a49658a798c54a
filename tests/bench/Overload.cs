using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;

namespace JitGrains.Bench;

/// <summary>
/// Throughput with as many clients as one gateway can serve, with twice and five times as many, and with far too many; what
/// approvers and held callers notice of it.
/// </summary>
internal static class Overload
{
    /// <summary>As many as keep it busy; more only wait.</summary>
    private const int Capacity = 64;

    private static readonly int[] Times = [1, 2, 5, 50];

    public static async Task<int> RunAsync(TimeSpan duration, int rounds)
    {
        Console.WriteLine($"{rounds} interleaved rounds of {duration.TotalSeconds:0} s each, medians; client, servers and database share this machine's {Environment.ProcessorCount} cores.");
        await using var upstream = await ServerProcess.StartSelfAsync("upstream");
        await using var gateway = await Gateway.StartAsync(upstream.Url);
        var (alice, bob) = (await gateway.TokenAsync("alice"), await gateway.TokenAsync("bob"));
        var rows = Times.Select(t => new Row(t)).ToArray();
        await Wrk.RunAsync($"{gateway.Process.Url}/allow", [alice], Capacity, TimeSpan.FromSeconds(8));
        for (var round = 1; round <= rounds; round++)
        {
            Console.Error.WriteLine($"round {round} of {rounds}");
            foreach (var row in rows)
            {
                using var over = new CancellationTokenSource();
                var approvers = Approvers(gateway, bob, row.Approver, over.Token);
                row.Runs.Add(await Wrk.RunAsync($"{gateway.Process.Url}/allow", [alice], Capacity * row.Times, duration));
                await over.CancelAsync();
                await approvers;
            }
        }

        Console.WriteLine();
        Console.WriteLine("| clients | served/s | p50 | p99 | turned away/s | an approver's page, p50 | p99 |");
        Console.WriteLine("|---:|---:|---:|---:|---:|---:|---:|");
        foreach (var row in rows)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {row.Times} × {Capacity} | {row.Served:N0} | {row.P50:0.0} ms | {row.P99:0.0} ms | {row.TurnedAway(duration):N0} | {row.Quantile(0.5):0.0} ms | {row.Quantile(0.99):0.0} ms |"));
        Console.WriteLine();
        var peak = rows.Max(r => r.Served);
        foreach (var row in rows)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ratio {row.Times} × {Capacity} clients/peak {row.Served / peak:0.00}"));
        return 0;
    }

    /// <summary>Somebody who looks at the list of requests, again and again.</summary>
    private static async Task Approvers(Gateway gateway, string bob, List<double> milliseconds, CancellationToken over)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(30) };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", bob);
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!over.IsCancellationRequested && await pause.WaitForNextTickAsync(CancellationToken.None))
        {
            var began = Stopwatch.GetTimestamp();
            using var answer = await http.GetAsync($"{gateway.Control}/api/v1/requests?status=pending", CancellationToken.None);
            answer.EnsureSuccessStatusCode();
            milliseconds.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }
    }

    private sealed record Row(int Times)
    {
        public List<WrkRun> Runs { get; } = [];

        public List<double> Approver { get; } = [];

        /// <summary>Without what was turned away.</summary>
        public double Served => Median(r => r.Rate * (1 - ((double)r.Failed / Math.Max(1, r.Requests))));

        public double P50 => Median(r => r.P50);

        public double P99 => Median(r => r.P99);

        public double TurnedAway(TimeSpan duration) => Median(r => r.Failed / duration.TotalSeconds);

        public double Quantile(double q) => Approver.Order().ElementAt((int)((Approver.Count - 1) * q));

        private double Median(Func<WrkRun, double> figure) => Runs.Select(figure).Order().ElementAt(Runs.Count / 2);
    }
}
