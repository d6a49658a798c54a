using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Recording;

/// <summary>
/// The upstream of the tests, and its own record of what arrived: an HTTP/1.1 server on bare sockets, because the time that
/// counts is that of a call's first byte in the kernel. Outlives every process of the cluster. Thread-safe.
/// </summary>
internal sealed class Upstream : IAsyncDisposable
{
    private readonly Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource stop = new();
    private readonly ConcurrentQueue<Arrival> arrivals = new();
    private readonly ConcurrentDictionary<UpstreamConnection, Task> connections = new();
    private readonly Task accepting;
    private int torn;

    public Upstream()
    {
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        KernelStamps.Ask(listener);
        listener.Listen(512);
        accepting = Accept();
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndPoint!).Port}");

    /// <summary>Everything that has arrived so far, in no order.</summary>
    public IReadOnlyCollection<Arrival> Arrivals => arrivals;

    /// <summary>Connections that ended in the middle of a request's head, so that nobody knows whose it was.</summary>
    public int Torn => Volatile.Read(ref torn);

    /// <summary>Open connections.</summary>
    public int Open => connections.Count;

    internal void Arrived(Arrival arrival) => arrivals.Enqueue(arrival);

    internal void Tore() => Interlocked.Increment(ref torn);

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Dispose();
        await accepting;
        await Task.WhenAll(connections.Values);
        stop.Dispose();
    }

    private async Task Accept()
    {
        while (!stop.IsCancellationRequested)
        {
            Socket socket;
            try
            {
                socket = await listener.AcceptAsync(stop.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }

            socket.NoDelay = true;
            var connection = new UpstreamConnection(this, socket);
            connections[connection] = Serve(connection);
        }
    }

    private async Task Serve(UpstreamConnection connection)
    {
        await Task.Yield();
        try
        {
            await connection.Serve(stop.Token);
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The gateway, or the run, is over.
        }
        finally
        {
            await connection.DisposeAsync();
            connections.TryRemove(connection, out _);
        }
    }
}
