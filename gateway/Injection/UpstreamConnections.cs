using System.Net;
using System.Net.Sockets;
using JitGrains.Gateway.EventLoop;
using JitGrains.Silo.Upstreams;

namespace JitGrains.Gateway.Injection;

/// <summary>
/// Connects to upstreams, and to whoever gives tokens for them, by addresses that may be theirs only: a name is looked up here,
/// and where it leads is checked before anything is sent. Stateless.
/// </summary>
internal static class UpstreamConnections
{
    public static Func<SocketsHttpConnectionContext, CancellationToken, ValueTask<Stream>> Within(UpstreamRules rules) =>
        async (context, cancellation) => new NetworkStream(await Open(rules, context.DnsEndPoint.Host, context.DnsEndPoint.Port, cancellation), ownsSocket: true);

    /// <summary>A connection to this host.</summary>
    /// <exception cref="SocketException">It cannot be had.</exception>
    /// <exception cref="HttpRequestException">The host has no address that upstreams may have.</exception>
    public static async ValueTask<Socket> Open(UpstreamRules rules, string host, int port, CancellationToken cancellation)
    {
        var admitted = await Admitted(rules, host, cancellation);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(admitted, port, cancellation);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>The same, served by the loop: one of its addresses after the other.</summary>
    /// <inheritdoc cref="Open(UpstreamRules, string, int, CancellationToken)"/>
    public static async ValueTask<LoopStream> Open(SocketLoop loop, UpstreamRules rules, string host, int port, CancellationToken cancellation)
    {
        var admitted = await Admitted(rules, host, cancellation);
        for (var i = 0; ; i++)
        {
            try
            {
                return await LoopStream.Connect(loop, new IPEndPoint(admitted[i], port), cancellation);
            }
            catch (SocketException) when (i + 1 < admitted.Length)
            {
                // The next may answer.
            }
        }
    }

    private static async ValueTask<IPAddress[]> Admitted(UpstreamRules rules, string host, CancellationToken cancellation)
    {
        var addresses = IPAddress.TryParse(host, out var literal) ? [literal] : await Dns.GetHostAddressesAsync(host, cancellation);
        var admitted = Array.FindAll(addresses, rules.Admits);
        return admitted.Length > 0 ? admitted : throw new HttpRequestException(HttpRequestError.ConnectionError, "The upstream has no address that upstreams may have.");
    }
}
