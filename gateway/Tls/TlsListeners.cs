using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Telemetry;

namespace JitGrains.Gateway.Tls;

/// <summary>The listeners of this process that speak TLS; looks at their files now and then. Thread-safe.</summary>
internal sealed class TlsListeners : BackgroundService
{
    private readonly TimeSpan every;
    private readonly TimeProvider time;
    private readonly Meter meter;
    private readonly FrozenDictionary<string, TlsListener> byName;

    public TlsListeners(GatewayOptions options, TimeProvider time, IMeterFactory meters, ILogger<TlsListener> logger)
    {
        (every, this.time) = (options.CertificatesPoll, time);
        byName = options.AllListeners().Where(l => l.Tls.Own is not null).ToFrozenDictionary(l => l.Name, l => new TlsListener(SettingOf(l.Name), l.Tls.Own!, l.Protocols, time, logger), StringComparer.Ordinal);
        meter = meters.Create(GatewayMetrics.Name);
        if (All.IsEmpty)
            return;
        meter.CreateObservableGauge("jitgrains.gateway.tls.degraded", () => All.Select(l => new Measurement<int>(l.Degraded ? 1 : 0, Of(l))), "{listener}", "1 while a listener's certificate files are not those in use.");
        meter.CreateObservableGauge("jitgrains.gateway.tls.expires", () => All.Select(l => new Measurement<double>((l.FirstEnd - time.GetUtcNow()).TotalSeconds, Of(l))), "s", "Until the first of a listener's certificates ends.");
    }

    private ImmutableArray<TlsListener> All => byName.Values;

    /// <summary>That of this name, where it speaks TLS.</summary>
    public TlsListener? Of(string name) => byName.GetValueOrDefault(name);

    public override void Dispose()
    {
        meter.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (All.IsEmpty)
            return;
        using var timer = new PeriodicTimer(every, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            foreach (var listener in All)
                listener.Look();
        }
    }

    private static string SettingOf(string name) => name switch
    {
        GatewayOptions.GatewayListener => "Tls",
        GatewayOptions.ControlListener => "ControlTls",
        _ => name,
    };

    private static KeyValuePair<string, object?> Of(TlsListener listener) => new("listener", listener.Setting);
}
