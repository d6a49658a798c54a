using System.Diagnostics;

namespace JitGrains.Bench;

/// <summary>One run of wrk.</summary>
/// <param name="Rate">Requests per second.</param>
/// <param name="P50">Milliseconds.</param>
/// <param name="P99">Milliseconds.</param>
/// <param name="Failed">Requests that were not answered 2xx or 3xx.</param>
/// <param name="Requests">All of them.</param>
/// <param name="Longest">Milliseconds: the one that took longest.</param>
internal sealed record WrkRun(double Rate, double P50, double P99, long Failed, long Requests, double Longest);

/// <summary>Runs wrk, each connection with the tokens in turn.</summary>
internal static class Wrk
{
    public static async Task<WrkRun> RunAsync(string url, IReadOnlyList<string> bearers, int connections, TimeSpan duration, int threads = 2, CancellationToken cancellation = default)
    {
        var tokens = Path.GetTempFileName();
        try
        {
            await File.WriteAllLinesAsync(tokens, bearers, cancellation);
            var start = new ProcessStartInfo("wrk") { RedirectStandardOutput = true, UseShellExecute = false };
            foreach (var argument in new[] { $"-t{threads}", $"-c{connections}", $"-d{duration.TotalSeconds:0}s", "--latency", "-s", Path.Combine(AppContext.BaseDirectory, "wrk.lua"), url })
                start.ArgumentList.Add(argument);
            start.Environment["TOKENS"] = tokens;
            using var wrk = Process.Start(start)!;
            await using var kill = cancellation.Register(wrk.Kill);
            var output = await wrk.StandardOutput.ReadToEndAsync(CancellationToken.None);
            await wrk.WaitForExitAsync(CancellationToken.None);
            cancellation.ThrowIfCancellationRequested();
            var line = output.Split('\n').Single(l => l.StartsWith("RESULT ", StringComparison.Ordinal));
            var n = line.Split(' ')[1..].Select(long.Parse).ToArray();
            return new WrkRun(n[1] / (n[0] / 1e6), n[3] / 1000.0, n[4] / 1000.0, n[2], n[1], n[5] / 1000.0);
        }
        finally
        {
            File.Delete(tokens);
        }
    }
}
