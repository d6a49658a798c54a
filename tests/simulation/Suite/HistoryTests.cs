using System.Diagnostics;
using System.Text.RegularExpressions;
using JitGrains.Simulation.Cluster;
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
    private const int Seeds = 44;

    /// <summary>Later ones that did.</summary>
    private static readonly string[] Found = ["225"];

    /// <summary>Of each situation, seeds from 1 on.</summary>
    private const int OfEachSituation = 3;

    [Fact]
    public async Task Every_history_of_a_fixed_set_keeps_every_invariant()
    {
        var half = Seeds / 2;
        var parts = await Task.WhenAll([Run("--seeds", $"1-{half}"), Run("--seeds", $"{half + 1}-{Seeds}"), .. Found.Select(f => Run("--seeds", f)), Run("--situations", $"1-{OfEachSituation}")]);
        var (histories, operations, starts) = (0, 0, 0);
        foreach (var (code, text) in parts)
        {
            Assert.True(code == 0, text);
            var counts = Judged().Match(text);
            histories += int.Parse(counts.Groups[1].Value);
            operations += int.Parse(counts.Groups[2].Value);
            starts += int.Parse(counts.Groups[3].Value);
        }

        Assert.Equal(Seeds + Found.Length + (OfEachSituation * Situations.Names.Count), histories);
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
        foreach (var (which, count) in ((string[], int)[])[(["--seeds", "1-6"], 6), (["--situations", "1"], Situations.Names.Count)])
        {
            var runs = await Task.WhenAll(Run([.. which, "--digests"]), Run([.. which, "--digests"]));
            var digests = runs.Select(r => Digests().Matches(r.Text).Select(m => m.Value).ToArray()).ToArray();
            Assert.Equal(count, digests[0].Distinct(StringComparer.Ordinal).Count());
            Assert.Equal(digests[0], digests[1]);
        }
    }

    /// <summary>What it fails by is a bug of the simulation's own connections, which is there where it is asked for.</summary>
    [Fact]
    public async Task A_history_that_fails_is_shortened_to_what_it_fails_by()
    {
        const string Seed = "machine-sleeps:1";
        var (code, text) = await Run("--seed", Seed, "--shrink", "--repeats");
        Assert.True(code == 1, text);
        var least = Shortest().Match(text);
        Assert.True(least.Success, text);
        var (kept, whole) = (int.Parse(least.Groups[1].Value), int.Parse(least.Groups[2].Value));
        Assert.True(kept > 0 && kept * 4 <= whole, text);
        var only = Only().Match(text).Groups[1].Value;
        var again = await Run("--seed", Seed, "--only", only, "--repeats");
        Assert.True(again.Code == 1, again.Text);
        Assert.Contains("VIOLATION", again.Text, StringComparison.Ordinal);
        Assert.Contains("invariant 2: ", again.Text, StringComparison.Ordinal);
        var without = await Run("--seed", Seed, "--only", only);
        Assert.True(without.Code == 0, without.Text);
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

    [GeneratedRegex("still fails: seed [a-z0-9:-]+, ([0-9]+) of ([0-9]+) ops")]
    private static partial Regex Shortest();

    [GeneratedRegex("--only ([0-9,-]+)")]
    private static partial Regex Only();

    [GeneratedRegex("seed [a-z0-9:-]+ digest [0-9a-f]{64}")]
    private static partial Regex Digests();
}
