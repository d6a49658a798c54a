using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace JitGrains.Bench;

/// <summary>
/// An OTLP collector (gRPC) that reads one counter out of what the processes send: <c>jitgrains.gateway.store_waits</c>, how
/// often a call waited for the database. Thread-safe.
/// </summary>
internal sealed class StoreWaits : IAsyncDisposable
{
    private const string Metric = "jitgrains.gateway.store_waits";

    private readonly WebApplication web;
    private readonly ConcurrentDictionary<string, long> totals = new(StringComparer.Ordinal);
    private long received;

    private StoreWaits(WebApplication web) => this.web = web;

    public Uri Address => new(web.Urls.First());

    public static async Task<StoreWaits> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0, l => l.Protocols = HttpProtocols.Http2));
        var app = builder.Build();
        var waits = new StoreWaits(app);
        app.Run(waits.TakeAsync);
        await app.StartAsync();
        return waits;
    }

    /// <summary>All waits of all processes so far, once each has told of this moment.</summary>
    public async Task<long> TotalAsync()
    {
        // Exports come each second from every process, and each says all that was: two rounds are enough for all of them.
        var from = Interlocked.Read(ref received);
        await ClusterTests.Wire.Until.Holds(() => Interlocked.Read(ref received) >= from + (2 * Math.Max(1, totals.Count)), "metrics came");
        return totals.Values.Sum();
    }

    public ValueTask DisposeAsync() => web.DisposeAsync();

    private async Task TakeAsync(HttpContext http)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body);
        // Five bytes of gRPC before the message.
        if (http.Request.Path.Value!.Contains("MetricsService", StringComparison.Ordinal) && body.Length > 5)
        {
            Read(body.ToArray().AsSpan(5));
            Interlocked.Increment(ref received);
        }

        http.Response.ContentType = "application/grpc";
        await http.Response.Body.WriteAsync(new byte[5]);
        http.Response.AppendTrailer("grpc-status", "0");
    }

    /// <summary>resource_metrics (1) of resource (1), which is the process, and scope_metrics (2) of metrics (2), of which name (1) and sum (7) with data_points (1) as_int (6).</summary>
    private void Read(ReadOnlySpan<byte> request)
    {
        foreach (var resource in Fields(request, 1))
        {
            var process = string.Concat(Fields(resource.Span, 1).Select(r => Convert.ToHexString(r.Span)));
            foreach (var scope in Fields(resource.Span, 2))
            {
                foreach (var metric in Fields(scope.Span, 2))
                {
                    if (Fields(metric.Span, 1) is not [var name] || Encoding.UTF8.GetString(name.Span) != Metric)
                        continue;
                    totals[process] = Fields(metric.Span, 7).SelectMany(sum => Fields(sum.Span, 1)).SelectMany(point => Fields(point.Span, 6)).Sum(value => BinaryPrimitives.ReadInt64LittleEndian(value.Span));
                }
            }
        }
    }

    /// <summary>The values of one field of a protobuf message, as far as they are bytes or fixed to 64 bits.</summary>
    private static List<ReadOnlyMemory<byte>> Fields(ReadOnlySpan<byte> message, int number)
    {
        var found = new List<ReadOnlyMemory<byte>>();
        while (!message.IsEmpty)
        {
            var tag = Varint(ref message);
            var length = (tag & 7) switch { 0 => 0, 1 => 8, 2 => (int)Varint(ref message), 5 => 4, _ => throw new FormatException("no protobuf") };
            if ((tag & 7) == 0)
                Varint(ref message);
            if ((int)(tag >> 3) == number)
                found.Add(message[..length].ToArray());
            message = message[length..];
        }

        return found;
    }

    private static ulong Varint(ref ReadOnlySpan<byte> from)
    {
        ulong value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var b = from[0];
            from = from[1..];
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80)
                return value;
        }
    }
}
