using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Recording;

/// <summary>
/// One connection to the upstream. What ends in <c>/watch</c> is a stream without end, WebSockets tick for ever, all else is
/// answered at once.
/// </summary>
internal sealed class UpstreamConnection(Upstream upstream, Socket socket) : IAsyncDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(50);

    private readonly StampedStream stream = new(socket);
    private readonly byte[] buffer = new byte[32 * 1024];
    private int start;
    private int end;

    public async Task Serve(CancellationToken stop)
    {
        while (await ReadHead(stop) is { } head)
        {
            var arrival = head.Arrival;
            upstream.Arrived(arrival);
            try
            {
                if (head.WebSocketKey is { } key)
                    await Talk(key, stop);
                else
                    await Answer(head, stop);
                arrival.Answered = true;
            }
            finally
            {
                arrival.EndedAt = Clock.Now;
            }

            if (head.WebSocketKey is not null || head.IsStream)
                return;
        }
    }

    public ValueTask DisposeAsync() => stream.DisposeAsync();

    private async Task Answer(Head head, CancellationToken stop)
    {
        await SkipBody(head, stop);
        if (head.IsStream)
        {
            await Write("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n", stop);
            await TickUntilGone("5\r\ntick\n\r\n"u8.ToArray(), stop);
            return;
        }

        const string Body = "{\"ran\":true}";
        await Write($"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {Body.Length}\r\n\r\n{Body}", stop);
    }

    private async Task Talk(string key, CancellationToken stop)
    {
        // RFC 6455, section 4.2.2; SHA-1 is what it says.
#pragma warning disable CA5350
        var accept = Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
#pragma warning restore CA5350
        await Write($"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n", stop);
        await TickUntilGone([0x81, 4, .. "tick"u8], stop);
    }

    /// <summary>Writes again and again until the other side has closed, and throws then.</summary>
    private async Task TickUntilGone(byte[] tick, CancellationToken stop)
    {
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var watching = WatchForEnd(gone);
        try
        {
            using var ticks = new PeriodicTimer(Tick);
            do
                await stream.WriteAsync(tick, gone.Token);
            while (await ticks.WaitForNextTickAsync(gone.Token));
        }
        finally
        {
            await gone.CancelAsync();
            await watching;
        }
    }

    private async Task WatchForEnd(CancellationTokenSource gone)
    {
        try
        {
            var bytes = new byte[1024];
            // A WebSocket's client may send a closing frame before it goes; both mean the end.
            _ = await stream.ReadAtLeastAsync(bytes, 1, throwOnEndOfStream: false, gone.Token);
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
        {
            // Gone as well.
        }

        await gone.CancelAsync();
    }

    private async Task<Head?> ReadHead(CancellationToken stop)
    {
        Stamp? first = start < end ? Stamp.Of(stream) : null;
        while (true)
        {
            var length = buffer.AsSpan(start, end - start).IndexOf("\r\n\r\n"u8);
            if (length >= 0)
            {
                var text = Encoding.Latin1.GetString(buffer, start, length);
                start += length + 4;
                return Head.Parse(text, first!.Value);
            }

            if (await Fill(stop) == 0)
            {
                if (first is not null)
                    upstream.Tore();
                return null;
            }

            first ??= Stamp.Of(stream);
        }
    }

    private async Task SkipBody(Head head, CancellationToken stop)
    {
        if (!head.IsChunked)
        {
            await Skip(head.BodyLength, stop);
            return;
        }

        while (true)
        {
            var size = int.Parse((await ReadLine(stop)).Split(';')[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            await Skip(size, stop);
            await ReadLine(stop);
            if (size == 0)
                return;
        }
    }

    private async Task<string> ReadLine(CancellationToken stop)
    {
        while (true)
        {
            var length = buffer.AsSpan(start, end - start).IndexOf("\r\n"u8);
            if (length >= 0)
            {
                var line = Encoding.Latin1.GetString(buffer, start, length);
                start += length + 2;
                return line;
            }

            if (await Fill(stop) == 0)
                throw new IOException("the body ends early");
        }
    }

    private async Task Skip(long count, CancellationToken stop)
    {
        while (count > 0)
        {
            if (start == end && await Fill(stop) == 0)
                throw new IOException("the body ends early");
            var taken = (int)Math.Min(count, end - start);
            start += taken;
            count -= taken;
        }
    }

    private async Task<int> Fill(CancellationToken stop)
    {
        buffer.AsSpan(start, end - start).CopyTo(buffer);
        (start, end) = (0, end - start);
        var count = await stream.ReadAsync(buffer.AsMemory(end), stop);
        end += count;
        return count;
    }

    private ValueTask Write(string text, CancellationToken stop) => stream.WriteAsync(Encoding.Latin1.GetBytes(text), stop);

    private readonly record struct Stamp(DateTimeOffset At, DateTimeOffset? From, bool IsKernels)
    {
        public static Stamp Of(StampedStream stream) => new(stream.ReadAt, stream.ReadFrom, stream.IsStamped);
    }

    private sealed record Head(Arrival Arrival, long BodyLength, bool IsChunked, string? WebSocketKey)
    {
        public bool IsStream => Arrival.Target.EndsWith("/watch", StringComparison.Ordinal);

        public static Head Parse(string text, Stamp stamp)
        {
            var lines = text.Split("\r\n");
            var first = lines[0].Split(' ');
            var headers = lines.Skip(1)
                .Select(l => l.Split(':', 2))
                .ToLookup(l => l[0], l => l[1].Trim(), StringComparer.OrdinalIgnoreCase);
            return new Head(
                new Arrival(headers["X-Call"].FirstOrDefault() ?? "", $"{first[0]} {first[1]}", stamp.At, stamp.IsKernels) { From = stamp.From },
                headers["Content-Length"].FirstOrDefault() is { } length ? long.Parse(length, CultureInfo.InvariantCulture) : 0,
                headers["Transfer-Encoding"].Any(),
                headers["Sec-WebSocket-Key"].FirstOrDefault());
        }
    }
}
