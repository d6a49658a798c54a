using System.Diagnostics.Metrics;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Telemetry;
using JitGrains.Silo;

namespace JitGrains.Gateway.Tls;

/// <summary>The listeners of this process that speak TLS; looks at their files now and then. Thread-safe.</summary>
internal sealed class TlsListeners : BackgroundService
{
    private readonly TimeSpan every;
    private readonly TimeProvider time;
    private readonly Meter meter;

    public TlsListeners(GatewayOptions options, TimeProvider time, IMeterFactory meters, ILogger<TlsListener> logger)
    {
        (every, this.time) = (options.CertificatesPoll, time);
        Gateway = options.Role.RunsGateway() && options.Tls.Own is { } tls ? new TlsListener("Tls", tls, time, logger) : null;
        ControlPlane = options.Role.RunsSilo() && options.ControlTls.Own is { } control ? new TlsListener("ControlTls", control, time, logger) : null;
        All = [.. new[] { Gateway, ControlPlane }.OfType<TlsListener>()];
        meter = meters.Create(GatewayMetrics.Name);
        if (All.Count == 0)
            return;
        meter.CreateObservableGauge("jitgrains.gateway.tls.degraded", () => All.Select(l => new Measurement<int>(l.Degraded ? 1 : 0, Of(l))), "{listener}", "1 while a listener's certificate files are not those in use.");
        meter.CreateObservableGauge("jitgrains.gateway.tls.expires", () => All.Select(l => new Measurement<double>((l.FirstEnd - time.GetUtcNow()).TotalSeconds, Of(l))), "s", "Until the first of a listener's certificates ends.");
    }

    /// <summary>That of callers, where it speaks TLS.</summary>
    public TlsListener? Gateway { get; }

    /// <summary>That of approvers and operators, where it speaks TLS.</summary>
    public TlsListener? ControlPlane { get; }

    private IReadOnlyList<TlsListener> All { get; }

    public override void Dispose()
    {
        meter.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (All.Count == 0)
            return;
        using var timer = new PeriodicTimer(every, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            foreach (var listener in All)
                listener.Look();
        }
    }

    private static KeyValuePair<string, object?> Of(TlsListener listener) => new("listener", listener.Setting);
}
