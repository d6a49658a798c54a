using Microsoft.Extensions.Hosting;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace JitGrains.Silo.Telemetry;

/// <summary>Sends traces and metrics by OTLP where an endpoint is configured; otherwise there is no SDK at all, and instruments cost next to nothing.</summary>
internal sealed class TelemetryExport(SiloOptions options) : IHostedService, IDisposable
{
    private static readonly string[] Meters =
    [
        "JitGrains.*",
        "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Net.Http", "System.Runtime", "Yarp.ReverseProxy",
    ];

    private static readonly string[] Sources = ["JitGrains.*", "Microsoft.AspNetCore", "System.Net.Http", "Yarp.ReverseProxy"];

    private OpenTelemetrySdk? sdk;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.OtlpEndpoint is { } endpoint)
        {
            sdk = OpenTelemetrySdk.Create(builder => builder
                .ConfigureResource(r => r.AddService("jitgrains"))
                .WithMetrics(m => m.AddMeter(Meters).AddOtlpExporter(o => o.Endpoint = endpoint))
                .WithTracing(t => t.AddSource(Sources).AddOtlpExporter(o => o.Endpoint = endpoint)));
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // Disposing sends what is left.
    public void Dispose() => sdk?.Dispose();
}
