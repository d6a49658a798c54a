using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace JitGrains.Gateway.EventLoop;

/// <summary>Takes in connections that the loop serves. For one that accepts.</summary>
/// <param name="loop">The loop.</param>
/// <param name="listening">Listens.</param>
/// <param name="memory">Shared by connections in turn.</param>
/// <param name="noDelay">Whether small packets are sent at once.</param>
internal sealed class LoopListener(SocketLoop loop, Socket listening, LoopMemory[] memory, bool noDelay) : IConnectionListener
{
    private static readonly TimeSpan WhileFull = TimeSpan.FromMilliseconds(100);

    private uint accepted;

    /// <inheritdoc/>
    public EndPoint EndPoint { get; } = listening.LocalEndPoint!;

    /// <inheritdoc/>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            Socket? socket = null;
            try
            {
                socket = await listening.AcceptAsync(cancellationToken);
                if (noDelay)
                    socket.NoDelay = true;
                return LoopConnection.Begin(loop, socket, memory[accepted++ % memory.Length]);
            }
            catch (ObjectDisposedException)
            {
                socket?.Dispose();
                return null;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.OperationAborted)
            {
                return null;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.TooManyOpenSockets)
            {
                // The next one fails at once too, until some are closed.
                await Task.Delay(WhileFull, TimeProvider.System, CancellationToken.None);
            }
            catch (SocketException)
            {
                // It was gone before it was here.
                socket?.Dispose();
            }
        }
    }

    /// <inheritdoc/>
    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        listening.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => UnbindAsync(CancellationToken.None);
}
