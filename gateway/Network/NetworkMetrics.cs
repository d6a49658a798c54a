using System.Diagnostics.Metrics;
using JitGrains.Gateway.Telemetry;

namespace JitGrains.Gateway.Network;

/// <summary>What happens before a call is decided: connections refused, the address table; docs/operations.md describes it. Thread-safe.</summary>
internal sealed class NetworkMetrics : IDisposable
{
    private readonly Meter meter;
    private readonly Counter<long> refused;
    private readonly Counter<long> reloads;

    public NetworkMetrics(IMeterFactory meters)
    {
        meter = meters.Create(GatewayMetrics.Name);
        refused = meter.CreateCounter<long>("jitgrains.gateway.connections.refused", "{connection}", "Connections closed before any request, by reason.");
        reloads = meter.CreateCounter<long>("jitgrains.gateway.address_table.reloads", "{reload}", "Changes of the address table's files, by outcome.");
    }

    public void Refused(string because) => refused.Add(1, new KeyValuePair<string, object?>("reason", because));

    public void TableReload(bool taken) => reloads.Add(1, new KeyValuePair<string, object?>("outcome", taken ? "taken" : "rejected"));

    public void TableDegraded(Func<bool> read) =>
        meter.CreateObservableGauge("jitgrains.gateway.address_table.degraded", () => read() ? 1 : 0, "{table}", "1 while the address table's files are not those in use.");

    public void Dispose() => meter.Dispose();
}
