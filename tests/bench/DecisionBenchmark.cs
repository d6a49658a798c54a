using System.Diagnostics;
using BenchmarkDotNet.Attributes;
using Perfolizer.Horology;

namespace JitGrains.Bench;

/// <summary>What BenchmarkDotNet runs: one row after the other.</summary>
public class DecisionBenchmark
{
    /// <summary>The rows.</summary>
    public static IEnumerable<DecisionRow> Rows => DecisionBench.Rows;

    /// <summary>The one that is measured.</summary>
    [ParamsSource(nameof(Rows))]
    public DecisionRow Row { get; set; } = null!;

    /// <summary>Has everything decided once.</summary>
    [GlobalSetup]
    public void Prepare() => Row.Prepare();

    /// <summary>Decides.</summary>
    [Benchmark(OperationsPerInvoke = DecisionBench.Batch)]
    public void Decide() => Row.Run();
}

/// <summary>A kind of decision.</summary>
/// <param name="Name">As it is shown.</param>
/// <param name="Prepare">What comes before.</param>
/// <param name="Run">Decides a batch of calls.</param>
public sealed record DecisionRow(string Name, Action Prepare, Action Run)
{
    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>The time, but for that in which it is paused: what is made ready for a decision is none of it.</summary>
internal sealed class PausedClock : IClock
{
    private long left;
    private long since;

    public string Title => "Stopwatch with pauses";

    public bool IsAvailable => true;

    public Frequency Frequency => new(Stopwatch.Frequency);

    public long GetTimestamp() => Stopwatch.GetTimestamp() - left;

    public void Pause() => since = Stopwatch.GetTimestamp();

    public void GoOn() => left += Stopwatch.GetTimestamp() - since;
}
