using System.Net;
using System.Net.Sockets;
using JitGrains.Silo.Upstreams;

namespace JitGrains.Gateway.Injection;

/// <summary>
/// Connects to upstreams, and to whoever gives tokens for them, by addresses that may be theirs only: a name is looked up here,
/// and where it leads is checked before anything is sent. Stateless.
/// </summary>
internal static class UpstreamConnections
{
    public static Func<SocketsHttpConnectionContext, CancellationToken, ValueTask<Stream>> Within(UpstreamRules rules) =>
        (context, cancellation) => Connect(rules, context.DnsEndPoint, cancellation);

    private static async ValueTask<Stream> Connect(UpstreamRules rules, DnsEndPoint to, CancellationToken cancellation)
    {
        var addresses = IPAddress.TryParse(to.Host, out var literal) ? [literal] : await Dns.GetHostAddressesAsync(to.Host, cancellation);
        var admitted = Array.FindAll(addresses, rules.Admits);
        if (admitted.Length == 0)
            throw new HttpRequestException(HttpRequestError.ConnectionError, "The upstream has no address that upstreams may have.");
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(admitted, to.Port, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
