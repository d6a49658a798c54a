using System.Diagnostics;
using System.Text.RegularExpressions;
using Xunit;
using Xunit.Abstractions;

namespace JitGrains.Simulation.Suite;

/// <summary>
/// Each in a process of its own: the simulation wants a pool of one thread and fixed hash codes, neither of which a test runner
/// has.
/// </summary>
public sealed partial class HistoryTests(ITestOutputHelper output)
{
    /// <summary>Seeds from 1 on; some of these found a bug when they were first run.</summary>
    private const int Seeds = 60;

    /// <summary>Later ones that did.</summary>
    private static readonly string[] Found = ["225"];

    [Fact]
    public async Task Every_history_of_a_fixed_set_keeps_every_invariant()
    {
        var half = Seeds / 2;
        var parts = await Task.WhenAll([Run("--seeds", $"1-{half}"), Run("--seeds", $"{half + 1}-{Seeds}"), .. Found.Select(f => Run("--seeds", f))]);
        var (histories, operations, starts) = (0, 0, 0);
        foreach (var (code, text) in parts)
        {
            Assert.True(code == 0, text);
            var counts = Judged().Match(text);
            histories += int.Parse(counts.Groups[1].Value);
            operations += int.Parse(counts.Groups[2].Value);
            starts += int.Parse(counts.Groups[3].Value);
        }

        Assert.Equal(Seeds + Found.Length, histories);
        // A simulation in which nothing happens finds nothing.
        Assert.True(starts > Seeds * 10, $"{starts} calls");
        var said = $"judged {histories} histories with {operations} operations, of which {starts} calls came to the upstream";
        output.WriteLine(said);
        if (Environment.GetEnvironmentVariable("JITGRAINS_SIMULATION_REPORT") is { Length: > 0 } report)
            await File.AppendAllTextAsync(report, said + "\n");
    }

    [Fact]
    public async Task The_same_seed_gives_the_same_history_byte_for_byte()
    {
        var runs = await Task.WhenAll(Run("--seeds", "1-6", "--digests"), Run("--seeds", "1-6", "--digests"));
        var digests = runs.Select(r => Digests().Matches(r.Text).Select(m => m.Value).ToArray()).ToArray();
        Assert.Equal(6, digests[0].Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(digests[0], digests[1]);
    }

    internal static async Task<(int Code, string Text)> Run(params string[] args)
    {
        var start = new ProcessStartInfo("dotnet") { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(typeof(HistoryTests).Assembly.Location);
        foreach (var arg in args)
            start.ArgumentList.Add(arg);
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var text = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, text + await errors);
    }

    [GeneratedRegex("judged ([0-9]+) histories, ([0-9]+) operations, ([0-9]+) calls")]
    private static partial Regex Judged();

    [GeneratedRegex("seed [0-9]+ digest [0-9a-f]{64}")]
    private static partial Regex Digests();
}
