using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace JitGrains.GatewayTests.Support;

/// <summary>
/// An HTTP/2 upstream in bare frames (RFC 9113) that reads each request's head and refuses its stream, which tells a client
/// that it may send the request again.
/// </summary>
internal sealed class RefusingHttp2Upstream : IAsyncDisposable
{
    private const byte Headers = 1;
    private const byte ResetStream = 3;
    private const byte Settings = 4;
    private const byte Acknowledged = 1;

    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly X509Certificate2 certificate;
    private readonly Task accepting;
    private int heads;

    public RefusingHttp2Upstream(X509Certificate2 certificate)
    {
        this.certificate = certificate;
        listener.Start();
        accepting = Accept();
    }

    public Uri Address => new($"https://{listener.LocalEndpoint}");

    /// <summary>Request heads seen.</summary>
    public int Heads => Volatile.Read(ref heads);

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await accepting;
        listener.Dispose();
        stop.Dispose();
    }

    private async Task Accept()
    {
        var serving = new List<Task>();
        try
        {
            while (true)
                serving.Add(Serve(await listener.AcceptTcpClientAsync(stop.Token)));
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task Serve(TcpClient client)
    {
        using (client)
        {
            try
            {
                await using var tls = new SslStream(client.GetStream());
                await tls.AuthenticateAsServerAsync(
                    new SslServerAuthenticationOptions { ServerCertificate = certificate, ApplicationProtocols = [SslApplicationProtocol.Http2] }, stop.Token);
                await tls.ReadExactlyAsync(new byte[24], stop.Token);
                await tls.WriteAsync(Frame(Settings, 0, [0, 0, 0, 0], []), stop.Token);
                var header = new byte[9];
                while (true)
                {
                    await tls.ReadExactlyAsync(header, stop.Token);
                    await tls.ReadExactlyAsync(new byte[(header[0] << 16) | (header[1] << 8) | header[2]], stop.Token);
                    if (header[3] == Settings && header[4] != Acknowledged)
                        await tls.WriteAsync(Frame(Settings, Acknowledged, [0, 0, 0, 0], []), stop.Token);
                    if (header[3] != Headers)
                        continue;
                    Interlocked.Increment(ref heads);
                    await tls.WriteAsync(Frame(ResetStream, 0, header[5..9], [0, 0, 0, 7]), stop.Token);
                }
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                // The other side is gone, or the test is over.
            }
        }
    }

    private static byte[] Frame(byte type, byte flags, byte[] stream, byte[] payload) => [0, 0, (byte)payload.Length, type, flags, .. stream, .. payload];
}
