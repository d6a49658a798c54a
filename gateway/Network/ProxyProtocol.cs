using System.IO.Pipelines;
using System.Net;
using JitGrains.Network;
using Microsoft.AspNetCore.Connections;

namespace JitGrains.Gateway.Network;

/// <summary>
/// Takes the PROXY protocol's header (version 2) off the beginning of a connection, so that who connected is whom the proxy
/// names. Who is no listed proxy, is slow, or sends anything else is closed. Thread-safe.
/// </summary>
internal sealed class ProxyProtocol(NetworkOptions options, TimeProvider time, NetworkMetrics metrics)
{
    /// <summary>The header, then the rest of the connection.</summary>
    public async Task Run(ConnectionContext connection, ConnectionDelegate next)
    {
        var refused = connection.RemoteEndPoint is IPEndPoint peer && options.Proxies.Contains(peer.Address) ? await Take(connection) : "not_listed";
        if (refused is null)
        {
            await next(connection);
            return;
        }

        metrics.Refused(refused);
        connection.Abort(new ConnectionAbortedException("The PROXY protocol's header is missing, or is nobody's to send."));
    }

    /// <summary>Null, or why the connection is refused.</summary>
    private async Task<string?> Take(ConnectionContext connection)
    {
        using var limit = new CancellationTokenSource(options.ProxyProtocolWithin, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, connection.ConnectionClosed);
        try
        {
            while (true)
            {
                var read = await connection.Transport.Input.ReadAsync(either.Token);
                switch (ProxyHeader.Read(read.Buffer))
                {
                    case ProxyHeader.Whole whole:
                        connection.Transport.Input.AdvanceTo(read.Buffer.GetPosition(whole.Length));
                        if (!whole.IsLocal)
                            connection.RemoteEndPoint = whole.Source;
                        return null;
                    case ProxyHeader.Incomplete when !read.IsCompleted:
                        connection.Transport.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                        break;
                    default:
                        connection.Transport.Input.AdvanceTo(read.Buffer.End);
                        return "malformed";
                }
            }
        }
        catch (OperationCanceledException)
        {
            return limit.IsCancellationRequested ? "slow" : "left";
        }
        catch (Exception e) when (e is IOException or ConnectionResetException)
        {
            return "left";
        }
    }
}
