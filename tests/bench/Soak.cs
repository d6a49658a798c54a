using System.Globalization;

namespace JitGrains.Bench;

/// <summary>
/// Mixed traffic for as long as wanted, with approvals, revocations, reloads of policy and restarts of gateway and upstream; then
/// whether memory stayed flat, and whether anything is left when everybody has gone.
/// </summary>
internal static class Soak
{
    private static readonly (string Shown, Func<OtlpReceiver, double> Figure)[] Leftovers =
    [
        ("live objects, KB", m => LiveBytes(m) / 1e3),
        ("calls being served", Metric("jitgrains.gateway.calls")),
        ("callers held", Metric("jitgrains.gateway.held")),
        ("journal entries not durable", Metric("jitgrains.gateway.journal.pending")),
        ("connections of callers", Metric("kestrel.active_connections")),
        ("connections to upstreams", Metric("http.client.open_connections")),
        ("those for plain calls", Metric("jitgrains.gateway.upstream.connections")),
        ("timers", Metric("dotnet.timer.count")),
    ];

    public static async Task<int> RunAsync(TimeSpan duration)
    {
        Console.WriteLine($"{duration.TotalMinutes:0} minutes of mixed traffic; client, upstream and gateway share this machine's {Environment.ProcessorCount} cores.");
        await using var metrics = await OtlpReceiver.StartAsync();
        var upstream = await ServerProcess.StartSelfAsync("upstream");
        var port = upstream.Port;
        await using var gateway = await Gateway.StartAsync(upstream.Url, metrics.Settings);
        var restarting = 0;
        using var traffic = new SoakTraffic(gateway, () => Volatile.Read(ref restarting) > 0);
        using var over = new CancellationTokenSource();
        var samples = new List<Sample>();
        var (reloads, gatewayRestarts, upstreamRestarts) = (0, 0, 0);
        try
        {
            var idleBefore = await IdleAsync(gateway, metrics);
            var running = traffic.RunAsync(over.Token);
            using var ticks = new PeriodicTimer(TimeSpan.FromSeconds(5));
            var began = TimeProvider.System.GetTimestamp();
            var steps = (int)(duration.TotalSeconds / 5);
            for (var step = 1; step <= steps; step++)
            {
                await ticks.WaitForNextTickAsync();
                // Restarts of the gateway come early: what is judged is how the process that is left fares.
                if (step == Math.Max(1, steps / 10) || step == Math.Max(2, steps / 5))
                {
                    await During(async () => await gateway.RestartAsync(kill: gatewayRestarts++ == 1));
                    samples.Clear();
                }
                else if (step % 24 == 0)
                {
                    await During(async () =>
                    {
                        await upstream.DisposeAsync();
                        upstream = await ServerProcess.StartSelfAsync("upstream", port);
                        upstreamRestarts++;
                    });
                }
                else if (step % 3 == 0)
                {
                    await gateway.ChangePolicyAsync(reloads++);
                }

                // Once a minute all that is of no use goes; the next sample is of what is left.
                if (step % 12 == 6)
                    await LiveMemory.CollectAsync(gateway.Process.Id);
                samples.Add(new Sample(
                    TimeProvider.System.GetElapsedTime(began), gateway.Process.ResidentBytes(), step % 12 == 7 ? LiveBytes(metrics) : null, gateway.Process.OpenFiles(), metrics["dotnet.timer.count"] ?? 0));
                if (step % 12 == 0)
                    Console.Error.WriteLine(samples[^1]);
            }

            await over.CancelAsync();
            await running;
            var left = await IdleAsync(gateway, metrics);
            Print(traffic, samples, reloads, gatewayRestarts, upstreamRestarts, idleBefore, left);
            return traffic.Wrong.Count == 0 ? 0 : 1;
        }
        finally
        {
            await upstream.DisposeAsync();
        }

        async Task During(Func<Task> restart)
        {
            Interlocked.Increment(ref restarting);
            await restart();
            // Calls that were on their way may fail a moment later.
            using var moment = new PeriodicTimer(TimeSpan.FromSeconds(3));
            await moment.WaitForNextTickAsync();
            Interlocked.Decrement(ref restarting);
        }
    }

    /// <summary>What there is when nobody calls: after the longest that anything is kept for (connections to upstreams, a minute).</summary>
    private static async Task<double[]> IdleAsync(Gateway gateway, OtlpReceiver metrics)
    {
        using var wait = new PeriodicTimer(TimeSpan.FromSeconds(75));
        await wait.WaitForNextTickAsync();
        await LiveMemory.CollectAsync(gateway.Process.Id);
        metrics.Forget();
        using var next = new PeriodicTimer(TimeSpan.FromSeconds(5));
        await next.WaitForNextTickAsync();
        return [.. Leftovers.Select(l => l.Figure(metrics))];
    }

    private static Func<OtlpReceiver, double> Metric(string name) => metrics => metrics[name] ?? 0;

    /// <summary>As of the last collection: what it left without the gaps between, which stay where objects are large.</summary>
    private static double LiveBytes(OtlpReceiver metrics) =>
        (metrics["dotnet.gc.last_collection.heap.size"] ?? 0) - (metrics["dotnet.gc.last_collection.heap.fragmentation.size"] ?? 0);

    private static void Print(
        SoakTraffic traffic, List<Sample> samples, int reloads, int gatewayRestarts, int upstreamRestarts, double[] before, double[] after)
    {
        Console.WriteLine();
        Console.WriteLine("| what | how often |");
        Console.WriteLine("|---|---:|");
        foreach (var (what, count) in traffic.Counts.OrderBy(c => c.Key, StringComparer.Ordinal))
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {what} | {count:N0} |"));
        Console.WriteLine($"| policy reloaded | {reloads} |");
        Console.WriteLine($"| gateway restarted (one by SIGTERM, one by SIGKILL) | {gatewayRestarts} |");
        Console.WriteLine($"| upstream restarted | {upstreamRestarts} |");
        Console.WriteLine($"| turned away because the gateway was late | {traffic.TurnedAway} |");
        Console.WriteLine($"| answered otherwise than it should | {traffic.Wrong.Values.Sum()} |");
        foreach (var (wrong, count) in traffic.Wrong.OrderByDescending(w => w.Value).Take(20))
            Console.WriteLine($"    {count} × {wrong}");
        // The first fifth is still being compiled and filled.
        var judged = samples[(samples.Count / 5)..];
        Console.WriteLine();
        Console.WriteLine("| since the last restart | first third | last third | ratio |");
        Console.WriteLine("|---|---:|---:|---:|");
        Row("resident memory, MB", judged, s => s.Resident / 1e6);
        Row("live objects, MB", [.. judged.Where(s => s.Live is not null)], s => s.Live!.Value / 1e6);
        Row("open files and sockets", judged, s => s.Files);
        Row("timers", judged, s => s.Timers);
        Console.WriteLine();
        Console.WriteLine("| with nobody there | before | after |");
        Console.WriteLine("|---|---:|---:|");
        foreach (var ((shown, _), first, last) in Leftovers.Zip(before, after))
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {shown} | {first:N0} | {last:N0} |"));
    }

    private static void Row(string what, List<Sample> samples, Func<Sample, double> figure)
    {
        var third = Math.Max(1, samples.Count / 3);
        var (first, last) = (Median(samples[..third], figure), Median(samples[^third..], figure));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {what} | {first:0} | {last:0} | {last / Math.Max(1, first):0.00} |"));
    }

    private static double Median(List<Sample> samples, Func<Sample, double> figure) => samples.Select(figure).Order().ElementAt(samples.Count / 2);

    private sealed record Sample(TimeSpan At, long Resident, double? Live, int Files, double Timers)
    {
        public override string ToString() =>
            string.Create(CultureInfo.InvariantCulture, $"{At:mm\\:ss}  {Resident / 1e6:0} MB resident, {Files} open files and sockets, {Timers:0} timers");
    }
}
