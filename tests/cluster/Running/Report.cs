using JitGrains.ClusterTests.Checking;
using JitGrains.ClusterTests.Histories;

namespace JitGrains.ClusterTests.Running;

/// <summary>What a run prints: to the file that <c>./test</c> names and shows, and to the test's own output. Thread-safe.</summary>
internal sealed class Report(Action<string> output)
{
    private static readonly Lock Gate = new();

    public void Line(string line)
    {
        output(line);
        if (Environment.GetEnvironmentVariable("JITGRAINS_CLUSTER_REPORT") is { Length: > 0 } file)
        {
            lock (Gate)
                File.AppendAllText(file, line + "\n");
        }
    }

    /// <summary>What was found, by invariant, with some of each.</summary>
    public void Found(IReadOnlyList<Violation> found)
    {
        foreach (var invariant in found.GroupBy(f => f.Invariant, StringComparer.Ordinal))
        {
            Line($"  {invariant.Key}: {invariant.Count()}");
            foreach (var one in invariant.Take(8))
                Line($"    {one.What}");
        }
    }

    /// <summary>What was done, counted.</summary>
    public void Result(Evidence evidence, History history)
    {
        foreach (var (what, count) in history.Counts)
            Line($"  {what}: {count}");
        Line($"  calls at the upstream: {evidence.Arrivals.Count}, of them without the kernel's stamp: {evidence.Arrivals.Count(a => !a.Stamped)}, read only when more had come: {evidence.Arrivals.Count(a => a.From != a.At)} ({evidence.Arrivals.Count(a => a.From is null)} with more data)");
        Line($"  latest start after a grant's expiry: {Starts.Latest(evidence).TotalMilliseconds:0} ms");
    }
}
