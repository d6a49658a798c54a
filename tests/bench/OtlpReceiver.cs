using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace JitGrains.Bench;

/// <summary>Takes a process' metrics by OTLP over gRPC, and remembers the last value of each, summed over its tags. Thread-safe.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication web;
    private readonly ConcurrentDictionary<string, double> last = new(StringComparer.Ordinal);

    private OtlpReceiver(WebApplication web) => this.web = web;

    public string Address => web.Urls.First();

    /// <summary>The last value, or null where there was none.</summary>
    public double? this[string name] => last.TryGetValue(name, out var value) ? value : null;

    public static async Task<OtlpReceiver> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k =>
        {
            k.Limits.MaxRequestBodySize = null;
            k.Listen(IPAddress.Loopback, 0, l => l.Protocols = HttpProtocols.Http2);
        });
        var app = builder.Build();
        var receiver = new OtlpReceiver(app);
        app.Run(async http =>
        {
            using var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body);
            // A frame of gRPC has five bytes before its message.
            if (http.Request.Path.Value!.Contains("Metrics", StringComparison.Ordinal) && body.Length > 5)
                receiver.Read(body.ToArray().AsSpan(5));
            http.Response.ContentType = "application/grpc";
            await http.Response.Body.WriteAsync(new byte[5]);
            http.Response.AppendTrailer("grpc-status", "0");
        });
        await app.StartAsync();
        return receiver;
    }

    /// <summary>What a process is to be told so that it sends here.</summary>
    public IReadOnlyDictionary<string, string> Settings => new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["OTEL_EXPORTER_OTLP_ENDPOINT"] = Address,
        ["OTEL_METRIC_EXPORT_INTERVAL"] = "2000",
        ["OTEL_TRACES_SAMPLER"] = "always_off",
    };

    public void Forget() => last.Clear();

    public ValueTask DisposeAsync() => web.DisposeAsync();

    // ExportMetricsServiceRequest: resource_metrics 1, scope_metrics 2, metrics 2.
    private void Read(ReadOnlySpan<byte> request)
    {
        foreach (var resource in Fields(request.ToArray(), 1))
        {
            foreach (var scope in Fields(resource, 2))
            {
                foreach (var metric in Fields(scope, 2))
                    ReadMetric(metric);
            }
        }
    }

    // Metric: name 1, gauge 5, sum 7; data_points 1 of either; a point's as_double 4, as_int 6.
    private void ReadMetric(ReadOnlyMemory<byte> metric)
    {
        if (Fields(metric, 1) is not [var name])
            return;
        List<ReadOnlyMemory<byte>> data = [.. Fields(metric, 5), .. Fields(metric, 7)];
        if (data.Count == 0)
            return;
        var sum = 0.0;
        foreach (var point in data.SelectMany(d => Fields(d, 1)))
        {
            sum += Fields(point, 4).Sum(v => BinaryPrimitives.ReadDoubleLittleEndian(v.Span));
            sum += Fields(point, 6).Sum(v => BinaryPrimitives.ReadInt64LittleEndian(v.Span));
        }

        last[Encoding.UTF8.GetString(name.Span)] = sum;
    }

    /// <summary>A message's fields of one number: their bytes, whatever they are.</summary>
    private static List<ReadOnlyMemory<byte>> Fields(ReadOnlyMemory<byte> message, int number)
    {
        var found = new List<ReadOnlyMemory<byte>>();
        var at = 0;
        while (at < message.Length)
        {
            var tag = Varint(message.Span, ref at);
            var from = at;
            var length = (tag & 7) switch
            {
                0 => Skip(message.Span, ref at),
                1 => 8,
                2 => Prefixed(message.Span, ref at, ref from),
                5 => 4,
                _ => throw new InvalidDataException("This is no protocol buffer."),
            };
            if ((int)(tag >> 3) == number)
                found.Add(message.Slice(from, length));
            at = from + length;
        }

        return found;
    }

    private static int Skip(ReadOnlySpan<byte> message, ref int at)
    {
        var from = at;
        Varint(message, ref at);
        return at - from;
    }

    private static int Prefixed(ReadOnlySpan<byte> message, ref int at, ref int from)
    {
        var length = (int)Varint(message, ref at);
        from = at;
        return length;
    }

    private static ulong Varint(ReadOnlySpan<byte> message, ref int at)
    {
        var value = 0ul;
        for (var shift = 0; ; shift += 7)
        {
            var b = message[at++];
            value |= (ulong)(b & 0x7f) << shift;
            if (b < 0x80)
                return value;
        }
    }
}
