using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace JitGrains.Gateway.Telemetry;

/// <summary>The gateway's instruments, under the meter and activity source <c>JitGrains.Gateway</c>; docs/operations.md describes each. Thread-safe.</summary>
internal sealed class GatewayMetrics : IDisposable
{
    public const string Name = "JitGrains.Gateway";

    public static readonly ActivitySource Activities = new(Name);

    // Boxed once: one is counted for each call.
    private static readonly KeyValuePair<string, object?> Hit = new("hit", true);
    private static readonly KeyValuePair<string, object?> Missed = new("hit", false);

    private readonly Meter meter;
    private readonly Counter<long> requests;
    private readonly UpDownCounter<long> held;
    private readonly Histogram<double> holdDuration;
    private readonly Counter<long> executions;
    private readonly Histogram<double> consumeDuration;
    private readonly Counter<long> viewLookups;
    private readonly Counter<long> storeWaits;
    private readonly Counter<long> journalWritten;
    private readonly Counter<long> journalLost;
    private readonly Counter<long> leases;
    private readonly Counter<long> unauthenticated;
    private readonly Counter<long> shed;

    public GatewayMetrics(IMeterFactory meters)
    {
        meter = meters.Create(Name);
        requests = meter.CreateCounter<long>("jitgrains.gateway.requests", "{request}", "Calls decided, by decision and API.");
        held = meter.CreateUpDownCounter<long>("jitgrains.gateway.held", "{call}", "Calls held at the moment.");
        holdDuration = meter.CreateHistogram<double>("jitgrains.gateway.hold.duration", "s", "How long calls were held, by how that ended.");
        executions = meter.CreateCounter<long>("jitgrains.gateway.executions", "{execution}", "Forwarded calls that are over, by kind and outcome.");
        consumeDuration = meter.CreateHistogram<double>("jitgrains.gateway.consume.duration", "s", "How long taking a use took.");
        viewLookups = meter.CreateCounter<long>("jitgrains.gateway.view.lookups", "{lookup}", "Look-ups of a caller's grants, by whether they were in memory.");
        storeWaits = meter.CreateCounter<long>("jitgrains.gateway.store_waits", "{wait}", "How often a call waited for the store, by what for.");
        journalWritten = meter.CreateCounter<long>("jitgrains.gateway.journal.written", "{entry}", "Journal entries made durable.");
        journalLost = meter.CreateCounter<long>("jitgrains.gateway.journal.lost", "{entry}", "Journal entries given up at a stop because the store did not take them.");
        leases = meter.CreateCounter<long>("jitgrains.gateway.leases", "{lease}", "Leases begun; each beyond the first says that one was lost.");
        unauthenticated = meter.CreateCounter<long>("jitgrains.gateway.unauthenticated", "{request}", "Calls refused before anybody was known, by reason.");
        shed = meter.CreateCounter<long>("jitgrains.gateway.shed", "{request}", "Calls turned away because there are too many, by what of.");
    }

    public void LeaseBegan() => leases.Add(1);

    public void Request(string decision, string api) =>
        requests.Add(1, new TagList { { "decision", decision }, { "api", api } });

    public void HoldBegan() => held.Add(1);

    public void HoldEnded(TimeSpan held, string ended)
    {
        this.held.Add(-1);
        holdDuration.Record(held.TotalSeconds, new KeyValuePair<string, object?>("ended", ended));
    }

    public void Executed(string kind, string outcome) =>
        executions.Add(1, new TagList { { "kind", kind }, { "outcome", outcome } });

    public void Consumed(TimeSpan took, bool refused) =>
        consumeDuration.Record(took.TotalSeconds, new KeyValuePair<string, object?>("refused", refused));

    public void ViewLookup(bool hit) => viewLookups.Add(1, hit ? Hit : Missed);

    public void StoreWait(string because) => storeWaits.Add(1, new KeyValuePair<string, object?>("for", because));

    public void JournalWritten(int entries) => journalWritten.Add(entries);

    public void JournalLost(int entries) => journalLost.Add(entries);

    public void Shed(string because) => shed.Add(1, new KeyValuePair<string, object?>("because", because));

    public void Unauthenticated(string because) => unauthenticated.Add(1, new KeyValuePair<string, object?>("reason", because));

    /// <summary>Shows a number that is read when somebody looks.</summary>
    public void Gauge(string name, string unit, string description, Func<long> read) =>
        meter.CreateObservableGauge(name, read, unit, description);

    /// <summary>The same, for numbers that come with tags.</summary>
    public void Gauges(string name, string unit, string description, Func<IEnumerable<Measurement<long>>> read) =>
        meter.CreateObservableGauge(name, read, unit, description);

    public void Dispose() => meter.Dispose();
}
