using System.Diagnostics;
using JitGrains.Simulation.Cluster;

namespace JitGrains.Simulation.Commands;

/// <summary>Leaves out of a history that fails whatever it fails without.</summary>
internal static class Shrinking
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(3);

    /// <summary>The least of it that breaks one of the same invariants: what else a shortened history breaks is another matter.</summary>
    public static Judged Shrink(Judged failed, Action<string> progress)
    {
        var began = Stopwatch.GetTimestamp();
        var least = failed;
        var broken = failed.Violations.Select(Invariant).ToHashSet(StringComparer.Ordinal);
        for (var part = Math.Max(1, least.Plan.Ops.Length / 2); part >= 1; part = part == 1 && least.Plan.Ops.Length > 0 ? 0 : part / 2)
        {
            for (var from = 0; from < least.Plan.Ops.Length;)
            {
                if (Stopwatch.GetElapsedTime(began) > Longest)
                    return least;
                var without = least.Plan with { Ops = least.Plan.Ops.RemoveRange(from, Math.Min(part, least.Plan.Ops.Length - from)) };
                var judged = Histories.Run(without);
                if (!judged.Violations.Any(v => broken.Contains(Invariant(v))))
                {
                    from += part;
                    continue;
                }

                least = judged;
                progress($"  {least.Plan.Ops.Length} ops still fail");
            }
        }

        return least;
    }

    /// <summary>Which one a violation is of: time, then what is broken, then what happened.</summary>
    private static string Invariant(string violation) => violation.Split(' ', 2)[1].Split(':')[0];
}
