using System.Collections.Specialized;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace JitGrains.Cli.Login;

/// <summary>Waits on loopback for the browser that a provider sends back (RFC 8252, section 7.3).</summary>
internal sealed class LoopbackReceiver : IDisposable
{
    private const int Attempts = 10;
    private readonly HttpListener listener;

    private LoopbackReceiver(HttpListener listener, int port) => (this.listener, Address) = (listener, $"http://127.0.0.1:{port}/callback");

    /// <summary>The address to come back to.</summary>
    public string Address { get; }

    public static LoopbackReceiver Start()
    {
        for (var attempt = 1; ; attempt++)
        {
            // HttpListener chooses no port by itself; another program may take the one that was free a moment ago.
            var port = FreePort();
            var started = new HttpListener();
            started.Prefixes.Add($"http://127.0.0.1:{port}/");
            try
            {
                started.Start();
                return new LoopbackReceiver(started, port);
            }
            catch (HttpListenerException) when (attempt < Attempts)
            {
                started.Close();
            }
        }
    }

    /// <summary>What the provider sent along with this state. Whatever else comes here is turned away.</summary>
    public async Task<NameValueCollection> WaitAsync(string state, CancellationToken ct)
    {
        using var stop = ct.Register(listener.Stop);
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or InvalidOperationException)
            {
                ct.ThrowIfCancellationRequested();
                throw;
            }

            var isIt = context.Request.HttpMethod == "GET" && context.Request.Url?.AbsolutePath == "/callback" && context.Request.QueryString.GetValues("state") is [{ } one] && one == state;
            var failed = context.Request.QueryString["error"] is not null;
            await AnswerAsync(context.Response, isIt, failed);
            if (isIt)
                return context.Request.QueryString;
        }
    }

    public void Dispose() => listener.Close();

    private static async Task AnswerAsync(HttpListenerResponse response, bool isIt, bool failed)
    {
        var text = !isIt ? "This is not the sign-in that jit waits for." : failed ? "The provider did not sign you in. See your terminal." : "You are signed in. Close this window and go on in your terminal.";
        response.StatusCode = isIt ? 200 : 404;
        response.ContentType = "text/plain; charset=utf-8";
        response.Headers["Cache-Control"] = "no-store";
        response.Headers["X-Content-Type-Options"] = "nosniff";
        try
        {
            await response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(text));
            response.Close();
        }
        catch (HttpListenerException)
        {
            // The browser is gone; what it brought is here.
        }
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
