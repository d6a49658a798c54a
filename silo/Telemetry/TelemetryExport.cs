using Microsoft.Extensions.Hosting;
using OpenTelemetry;
using OpenTelemetry.Exporter;
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

    /// <summary>What the exporter itself reads, if nothing else is configured.</summary>
    private const string Variable = "OTEL_EXPORTER_OTLP_ENDPOINT";

    private OpenTelemetrySdk? sdk;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.OtlpEndpoint is not null || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Variable)))
        {
            sdk = OpenTelemetrySdk.Create(builder => builder
                .ConfigureResource(r => r.AddService("jitgrains"))
                .WithMetrics(m => m.AddMeter(Meters).AddOtlpExporter(SendTo))
                .WithTracing(t => t.AddSource(Sources).AddOtlpExporter(SendTo)));
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // Disposing sends what is left.
    public void Dispose() => sdk?.Dispose();

    private void SendTo(OtlpExporterOptions exporter)
    {
        if (options.OtlpEndpoint is { } endpoint)
            exporter.Endpoint = endpoint;
    }
}
