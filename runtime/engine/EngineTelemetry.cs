using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// The engine's meter and activity source, both named <see cref="Name"/>; the instruments are listed in runtime/README.md.
/// No tag holds a grain's key: keys name people.
/// </summary>
public sealed class EngineTelemetry
{
    /// <summary>The name of the meter and of the activity source.</summary>
    public const string Name = "JitGrains.Runtime";

    private static readonly ActivitySource Activities = new(Name);

    private readonly Meter meter;
    private readonly Histogram<double> turnDuration;
    private readonly Counter<long> commits;
    private readonly Histogram<double> commitDuration;
    private readonly Histogram<int> commitWrites;
    private readonly Counter<long> delivered;
    private readonly Counter<long> deliveryFailures;
    private readonly Histogram<double> reminderLateness;

    /// <summary>Creates the instruments.</summary>
    public EngineTelemetry(IMeterFactory meters)
    {
        meter = meters.Create(Name);
        turnDuration = meter.CreateHistogram<double>("jitgrains.turn.duration", "s", "A call of a grain, with its wait for the grain's turn");
        commits = meter.CreateCounter<long>("jitgrains.store.commits", "{commit}", "Transactions of the store's writer");
        commitDuration = meter.CreateHistogram<double>("jitgrains.store.commit.duration", "s", "A transaction of the store's writer");
        commitWrites = meter.CreateHistogram<int>("jitgrains.store.commit.writes", "{write}", "Writes in one transaction");
        delivered = meter.CreateCounter<long>("jitgrains.outbox.delivered", "{message}", "Outbox messages delivered");
        deliveryFailures = meter.CreateCounter<long>("jitgrains.outbox.failures", "{attempt}", "Failed attempts to deliver an outbox message");
        reminderLateness = meter.CreateHistogram<double>("jitgrains.reminder.lateness", "s", "How long after it was due a reminder was delivered");
    }

    internal void Observe(string name, string unit, string description, Func<long> value) =>
        meter.CreateObservableGauge(name, value, unit, description);

    internal static Activity? StartTurn(string grainType, string method)
    {
        var activity = Activities.StartActivity("grain.turn");
        activity?.SetTag("jitgrains.grain.type", grainType).SetTag("jitgrains.grain.method", method);
        return activity;
    }

    internal void TurnEnded(string grainType, string method, TimeSpan duration, bool succeeded) =>
        turnDuration.Record(
            duration.TotalSeconds,
            new("jitgrains.grain.type", grainType),
            new("jitgrains.grain.method", method),
            new("jitgrains.outcome", succeeded ? "ok" : "error"));

    internal void Committed(int writes, TimeSpan duration, bool succeeded)
    {
        commits.Add(1, new KeyValuePair<string, object?>("jitgrains.outcome", succeeded ? "ok" : "error"));
        commitDuration.Record(duration.TotalSeconds);
        commitWrites.Record(writes);
    }

    internal void Delivered(int messages) => delivered.Add(messages);

    internal void DeliveryFailed() => deliveryFailures.Add(1);

    internal void Reminded(TimeSpan lateness) => reminderLateness.Record(Math.Max(0, lateness.TotalSeconds));
}
