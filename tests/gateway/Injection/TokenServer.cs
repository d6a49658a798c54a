using System.Text;
using JitGrains.GatewayTests.Support;
using Microsoft.AspNetCore.Http;

namespace JitGrains.GatewayTests.Injection;

/// <summary>A token endpoint for client credentials (RFC 6749).</summary>
internal sealed class TokenServer : IAsyncDisposable
{
    private OrdersUpstream web = null!;
    private int fetches;

    public Uri Address => new(web.Address, "/token");

    public int Fetches => Volatile.Read(ref fetches);

    /// <summary>How long a token lasts.</summary>
    public int Life { get; set; } = 3600;

    /// <summary>Which secret it takes.</summary>
    public string Secret { get; set; } = "client+secret/1";

    public bool IsDown { get; set; }

    public IFormCollection? Form { get; private set; }

    public static async Task<TokenServer> Start()
    {
        var server = new TokenServer();
        server.web = await OrdersUpstream.Start(server.Answer);
        return server;
    }

    public ValueTask DisposeAsync() => web.DisposeAsync();

    private async Task Answer(HttpContext context)
    {
        Form = await context.Request.ReadFormAsync();
        var basic = "Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes($"gateway:{Uri.EscapeDataString(Secret)}"));
        var known = context.Request.Headers.Authorization == basic || (Form["client_id"] == "gateway" && Form["client_secret"] == Secret);
        if (IsDown || !known || Form["grant_type"] != "client_credentials")
        {
            context.Response.StatusCode = IsDown ? 503 : 401;
            await context.Response.WriteAsJsonAsync(new { error = "invalid_client" });
            return;
        }

        await context.Response.WriteAsJsonAsync(new { access_token = $"fetched-token-{Interlocked.Increment(ref fetches)}", token_type = "bearer", expires_in = Life });
    }
}
