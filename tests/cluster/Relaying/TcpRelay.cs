using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace JitGrains.ClusterTests.Relaying;

/// <summary>
/// A TCP relay before a server, which can be made a bad network: <see cref="Pause"/> holds all bytes without closing anything,
/// <see cref="Cut"/> resets what there is and refuses what comes, <see cref="Latency"/> delays each way. Thread-safe.
/// </summary>
internal sealed class TcpRelay : IAsyncDisposable
{
    private readonly Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource stop = new();
    private readonly ConcurrentDictionary<RelayedConnection, Task> connections = new();
    private readonly Task accepting;
    private readonly int target;
    private volatile TaskCompletionSource? paused;
    private volatile bool isCut;
    private long latency;
    private long accepted;

    /// <param name="target">The server's port on loopback.</param>
    public TcpRelay(int target)
    {
        this.target = target;
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(256);
        accepting = Accept();
    }

    public int Port => ((IPEndPoint)listener.LocalEndPoint!).Port;

    /// <summary>Connections at the moment.</summary>
    public int Open => connections.Count;

    /// <summary>Connections ever, refused ones too.</summary>
    public long Accepted => Interlocked.Read(ref accepted);

    /// <summary>How long each byte takes, each way. Zero: no longer than it takes.</summary>
    public TimeSpan Latency
    {
        get => TimeSpan.FromTicks(Interlocked.Read(ref latency));
        set => Interlocked.Exchange(ref latency, value.Ticks);
    }

    /// <summary>Holds every byte, both ways, and new connections too, until <see cref="Resume"/>.</summary>
    public void Pause() => paused ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Lets go what was held.</summary>
    public void Resume()
    {
        var held = paused;
        paused = null;
        held?.TrySetResult();
    }

    /// <summary>Resets all connections, and every new one, until <see cref="Mend"/>.</summary>
    public void Cut()
    {
        isCut = true;
        Reset();
    }

    public void Mend() => isCut = false;

    /// <summary>Resets all connections once; new ones are fine.</summary>
    public void Reset()
    {
        foreach (var connection in connections.Keys)
            connection.Reset();
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        Resume();
        listener.Dispose();
        await accepting;
        Reset();
        await Task.WhenAll(connections.Values);
        stop.Dispose();
    }

    /// <summary>Completes when bytes may go on.</summary>
    internal Task Passing => paused?.Task ?? Task.CompletedTask;

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

            Interlocked.Increment(ref accepted);
            var connection = new RelayedConnection(this, socket, target);
            connections[connection] = Run(connection);
            // Cut between the accept and its being listed: it must not slip through.
            if (isCut)
                connection.Reset();
        }
    }

    private async Task Run(RelayedConnection connection)
    {
        await Task.Yield();
        try
        {
            await connection.Run(stop.Token);
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // One side is gone; so is the other.
        }
        finally
        {
            connection.Reset();
            connections.TryRemove(connection, out _);
        }
    }
}
