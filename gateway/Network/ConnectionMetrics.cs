using System.Diagnostics.Metrics;
using JitGrains.Gateway.Telemetry;

namespace JitGrains.Gateway.Network;

/// <summary>Counts connections that are refused before a byte of HTTP is read; docs/operations.md describes it. Thread-safe.</summary>
internal sealed class ConnectionMetrics : IDisposable
{
    private readonly Meter meter;
    private readonly Counter<long> refused;

    public ConnectionMetrics(IMeterFactory meters)
    {
        meter = meters.Create(GatewayMetrics.Name);
        refused = meter.CreateCounter<long>("jitgrains.gateway.connections.refused", "{connection}", "Connections closed before any request, by reason.");
    }

    public void Refused(string because) => refused.Add(1, new KeyValuePair<string, object?>("reason", because));

    public void Dispose() => meter.Dispose();
}
