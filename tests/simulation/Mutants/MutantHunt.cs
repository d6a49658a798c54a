using System.Diagnostics;
using System.Reflection;
using JitGrains.Simulation.Cluster;

namespace JitGrains.Simulation.Mutants;

/// <summary>Runs histories with each mutant switched on until one is judged wrong.</summary>
internal static class MutantHunt
{
    private const int MostHistories = 400;
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(4);

    public static int Run(string[] names)
    {
        var on = Assembly.Load("JitGrains.Grains").GetType("JitGrains.Mutant")?.GetProperty("On");
        if (on is null)
        {
            Console.Error.WriteLine("There are no mutants in this build: ./sim --mutants makes one that has them.");
            return 2;
        }

        var survivors = 0;
        Console.WriteLine("| mutant | what is wrong | histories | what showed it |");
        Console.WriteLine("|---|---|---:|---|");
        foreach (var mutant in AllMutants.List.Where(m => names.Length == 0 || names.Contains(m.Name)))
        {
            if (mutant.Test is { } test)
            {
                var fails = Passes(test, "") && !Passes(test, mutant.Name);
                survivors += fails ? 0 : 1;
                Console.WriteLine($"| `{mutant.Name}` | {mutant.About} | {(fails ? "a test" : "survived")} | `{test[(test.LastIndexOf('.') + 1)..]}` |");
                continue;
            }

            on.SetValue(null, mutant.Name);
            var began = Stopwatch.GetTimestamp();
            Judged? caught = null;
            var histories = 0;
            while (caught is null && histories < MostHistories && Stopwatch.GetElapsedTime(began) < Longest)
            {
                var judged = Histories.Run(Plan.Next(++histories));
                caught = judged.Violations.Count > 0 ? judged : null;
            }

            if (caught is null)
                survivors++;
            Console.WriteLine($"| `{mutant.Name}` | {mutant.About} | {(caught is null ? $"survived {histories}" : histories)} | {(caught is null ? "" : Short(caught.Violations[0]))} |");
        }

        on.SetValue(null, null);
        return survivors == 0 ? 0 : 1;
    }

    /// <summary>Runs a test of the gateway that the copy of the sources has, with a mutant switched on or none.</summary>
    private static bool Passes(string test, string mutant)
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "JitGrains.sln")))
            root = Path.GetDirectoryName(root) ?? throw new InvalidOperationException("the hunt runs outside a copy of the sources");
        var start = new ProcessStartInfo("dotnet") { UseShellExecute = false, RedirectStandardOutput = true, WorkingDirectory = root };
        foreach (var arg in (string[])["test", "tests/gateway", "-c", "Release", "--nologo", "-p:RunAnalyzers=false", "-p:EnforceCodeStyleInBuild=false", "--filter", "FullyQualifiedName~" + test])
            start.ArgumentList.Add(arg);
        start.Environment["JITGRAINS_MUTANT"] = mutant;
        using var process = Process.Start(start)!;
        var said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        // One that does not exist fails under no mutant.
        return process.ExitCode == 0 && said.Contains("Passed:", StringComparison.Ordinal);
    }

    private static string Short(string violation)
    {
        var line = violation[(violation.IndexOf(' ', StringComparison.Ordinal) + 1)..].ReplaceLineEndings(" ");
        return line.Length <= 110 ? line : line[..107] + "...";
    }
}
