using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using JitGrains.Limits;

namespace JitGrains.Silo.Telemetry;

/// <summary>What rate limits did, under the meter <c>JitGrains.Limits</c>; docs/operations.md describes it. Thread-safe.</summary>
internal sealed class LimitMetrics(IMeterFactory meters)
{
    /// <summary>The meter's name.</summary>
    public const string Name = "JitGrains.Limits";

    private readonly Meter meter = meters.Create(Name);
    private Counter<long>? refusals;

    private Counter<long> Refusals => refusals ??= meter.CreateCounter<long>("jitgrains.limits.refused", "{request}", "What rate limits refused, by limit and outcome (refused, observed)");

    /// <summary>Shows what was admitted, read when somebody looks: counting it costs calls nothing.</summary>
    public void Show(Func<ImmutableArray<LiveLimit>> limits) =>
        meter.CreateObservableCounter(
            "jitgrains.limits.admitted",
            () => limits().Select(l => new Measurement<long>(l.Admitted, new KeyValuePair<string, object?>("limit", l.Definition.Name))),
            "{request}",
            "What rate limits admitted, by limit");

    public void Refused(ImmutableArray<LimitStanding> refused, string outcome)
    {
        foreach (var standing in refused)
            Refusals.Add(1, new("limit", standing.Limit.Definition.Name), new("outcome", outcome));
    }
}
