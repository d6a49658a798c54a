using System.Diagnostics;
using JitGrains.Simulation.Cluster;

namespace JitGrains.Simulation.Commands;

/// <summary>Leaves out of a history that fails whatever it fails without.</summary>
internal static class Shrinking
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(3);

    public static Judged Shrink(Judged failed, Action<string> progress)
    {
        var began = Stopwatch.GetTimestamp();
        var least = failed;
        for (var part = Math.Max(1, least.Plan.Ops.Length / 2); part >= 1; part = part == 1 && least.Plan.Ops.Length > 0 ? 0 : part / 2)
        {
            for (var from = 0; from < least.Plan.Ops.Length;)
            {
                if (Stopwatch.GetElapsedTime(began) > Longest)
                    return least;
                var without = least.Plan with { Ops = least.Plan.Ops.RemoveRange(from, Math.Min(part, least.Plan.Ops.Length - from)) };
                var judged = Histories.Run(without);
                if (judged.Violations.Count == 0)
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
}
