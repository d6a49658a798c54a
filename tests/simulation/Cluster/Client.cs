using System.Net;
using System.Text;
using JitGrains.Gateway.Hosting;
using JitGrains.Simulation.Edges;
using JitGrains.Simulation.Machine;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace JitGrains.Simulation.Cluster;

/// <summary>What a caller hears.</summary>
/// <param name="Status">The status; 0 where the connection broke.</param>
/// <param name="Ran">Whether the answer is the upstream's.</param>
/// <param name="Type">The problem's type where it is one.</param>
/// <param name="Request">The approval request's id, if it names one.</param>
/// <param name="Denied">Whether it is policy, or a block, that refuses it.</param>
internal sealed record Answer(int Status, bool Ran, string Type, string? Request, bool Denied = false)
{
    /// <summary>All of it, but for the upstream's body.</summary>
    public string Text { get; init; } = "";

    public static readonly Answer Lost = new(0, false, "connection-lost", null);

    public override string ToString() => $"{Status}{(Ran ? " ran" : "")}{(Type.Length > 0 ? " " + Type : "")}{(Request is null ? "" : " " + Request)}";
}

/// <summary>A call as its caller makes it.</summary>
internal sealed record Call(string Who, string Method, string Target, string Body)
{
    public static Call Refund(string who, int order, int amount) => new(who, "POST", $"/orders/{order}/refunds", $$"""{"amount":{{amount}},"card":"{{Canaries.Card}}"}""");

    public static Call Ship(string who, int order) => new(who, "PUT", $"/orders/{order}/shipment", "{}");

    public static Call Delete(string who, int order) => new(who, "DELETE", $"/orders/{order}", "");

    public static Call List(string who) => new(who, "GET", "/orders", "");

    public static Call Read(string who, int order) => new(who, "GET", $"/orders/{order}", "");

    public override string ToString() => $"{Who} {Method} {Target} {Body}".TrimEnd();
}

/// <summary>Sends calls to gateways, at the level right beneath HTTP.</summary>
internal static class Client
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(70);

    /// <summary>Sends it to this gateway and waits for the answer.</summary>
    /// <param name="world">The world.</param>
    /// <param name="host">The gateway.</param>
    /// <param name="ask">The call.</param>
    /// <param name="token">What the caller presents.</param>
    /// <param name="wait">For how many seconds it may be held.</param>
    /// <param name="request">The approval request that it goes on with, or null.</param>
    /// <param name="leaves">When the caller hangs up, or null.</param>
    /// <param name="given">Told of the answer as soon as the gateway has given it, whether or not it arrives.</param>
    /// <param name="stuck">Told where there was none for longer than anything may take.</param>
    public static async Task<Answer> Send(World world, Host host, Call ask, string token, int wait, string? request, TimeSpan? leaves, Action<Answer> given, Action stuck)
    {
        var answer = host.Serve(async () =>
        {
            var gives = await Handle(world, host, ask, token, wait, request, leaves);
            given(gives);
            return gives;
        });
        var first = await Task.WhenAny(answer, world.Pause(Patience));
        if (first != answer)
        {
            stuck();
            return Answer.Lost;
        }

        try
        {
            return await answer;
        }
        catch (ConnectionLostException)
        {
            return Answer.Lost;
        }
    }

    private static async Task<Answer> Handle(World world, Host host, Call ask, string token, int wait, string? request, TimeSpan? leaves)
    {
        var context = new DefaultHttpContext();
        var body = Encoding.UTF8.GetBytes(ask.Body);
        var raw = context.Features.GetRequiredFeature<IHttpRequestFeature>();
        (raw.Method, raw.Scheme, raw.Protocol, raw.RawTarget, raw.Path) = (ask.Method, "http", "HTTP/1.1", ask.Target, ask.Target);
        raw.Body = new MemoryStream(body);
        var headers = context.Request.Headers;
        headers.Host = "api.example.com";
        headers.Authorization = "Bearer " + token;
        PresentedToken.Note(context, token);
        headers["Prefer"] = $"wait={wait}";
        if (body.Length > 0)
        {
            headers.ContentType = "application/json";
            headers.ContentLength = body.Length;
        }

        if (request is not null)
            headers["Jit-Request"] = request;
        using var answer = new MemoryStream();
        context.Response.Body = answer;
        context.Connection.RemoteIpAddress = IPAddress.Parse("192.0.2.7");
        context.RequestServices = new Services(host);
        using var gone = new CancellationTokenSource();
        context.RequestAborted = gone.Token;
        var over = false;
        if (leaves is { } after)
        {
            world.At(after, () => host.Process.Context.Post(
                _ =>
                {
                    if (!over)
                        gone.Cancel();
                },
                null));
        }

        try
        {
            await host.Get<GatewayPipeline>().Invoke(context);
        }
        finally
        {
            over = true;
        }

        var text = Encoding.UTF8.GetString(answer.ToArray());
        return new Answer(
            context.Response.StatusCode,
            context.Response.Headers.ContainsKey("X-Upstream"),
            TypeIn(text),
            context.Response.Headers["Jit-Request"] is { Count: > 0 } named ? named.ToString() : null,
            context.Response.StatusCode == StatusCodes.Status403Forbidden && (TypeIn(text) == "blocked" || context.Response.Headers["Jit-Decision"].ToString().StartsWith("deny", StringComparison.Ordinal)))
        {
            Text = $"{text}\n{string.Join('\n', context.Response.Headers.Select(h => $"{h.Key}: {h.Value}"))}",
        };
    }

    private static string TypeIn(string text)
    {
        const string Key = "\"type\":\"";
        var at = text.IndexOf(Key, StringComparison.Ordinal);
        if (at < 0)
            return "";
        var type = text[(at + Key.Length)..];
        type = type[..type.IndexOf('"', StringComparison.Ordinal)];
        return type[(type.LastIndexOfAny([':', '/']) + 1)..];
    }

    private sealed class Services(Host host) : IServiceProvider
    {
        public object? GetService(Type serviceType) => host.Find(serviceType);
    }
}
