using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace JitGrains.WaysTests.Servers;

/// <summary>An upstream as ASP.NET Core's users write it: endpoint routing, names without case, JSON by its web defaults.</summary>
internal sealed class KestrelUpstream : Upstream
{
    private static readonly (string Method, string Pattern, string Action)[] Routes =
    [
        ("GET", "/open/{name}", "open.read"), ("POST", "/open/{name}", "open.write"), ("DELETE", "/open/{name}", "open.delete"),
        ("GET", "/secret/{name}", "secret.read"), ("GET", "/files/{*path}", "files.read"), ("GET", "/files/private/{*path}", "files.private"),
        ("GET", "/search", "search"), ("GET", "/env", "env"), ("GET", "/orders/{order}", "orders.read"), ("POST", "/orders/{order}/refunds", "orders.refund"),
    ];

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        NumberHandling = JsonNumberHandling.AllowReadingFromString | JsonNumberHandling.AllowNamedFloatingPointLiterals,
        AllowTrailingCommas = true,
        ReadCommentHandling = JsonCommentHandling.Skip,
    };

    private static readonly object Told = new();

    private readonly WebApplication web;
    private readonly ConcurrentQueue<Seen> seen = new();

    private KestrelUpstream(WebApplication web) => this.web = web;

    public override string Name => "kestrel";

    public override Uri Address => new(web.Urls.First());

    public static async Task<KestrelUpstream> Start()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddRouting();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var upstream = new KestrelUpstream(app);
        // What no endpoint takes (a method that none has) is told as well.
        app.Use(async (HttpContext context, RequestDelegate next) =>
        {
            await next(context);
            if (!context.Items.ContainsKey(Told))
                await upstream.Answer(context, "none");
        });
        app.UseRouting();
        foreach (var (method, pattern, action) in Routes)
            app.MapMethods(pattern, [method], (RequestDelegate)(context => upstream.Answer(context, action)));
        app.MapFallback("{*path}", (RequestDelegate)(context => upstream.Answer(context, "none")));
        await app.StartAsync();
        return upstream;
    }

    public override IReadOnlyList<Seen> Take()
    {
        var taken = new List<Seen>();
        while (seen.TryDequeue(out var one))
            taken.Add(one);
        return taken;
    }

    public override async ValueTask DisposeAsync()
    {
        await web.StopAsync();
        await web.DisposeAsync();
    }

    private async Task Answer(HttpContext context, string action)
    {
        context.Items[Told] = true;
        var request = context.Request;
        var target = context.Features.Get<IHttpRequestFeature>()!.RawTarget;
        IReadOnlyList<string> amounts = [];
        try
        {
            using var body = new MemoryStream();
            await request.Body.CopyToAsync(body, context.RequestAborted);
            amounts = Amounts(body.ToArray());
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or BadHttpRequestException)
        {
            // Cut short: it was received all the same.
        }

        var parameter = request.RouteValues.FirstOrDefault();
        List<Idea> ideas = [new("routing", action, parameter.Key is { } name ? $"{name}={parameter.Value}" : "")];
        if (Uri.TryCreate("http://api.test" + target, UriKind.Absolute, out var uri) && Uri.UnescapeDataString(uri.AbsolutePath) != request.Path.Value)
            ideas.Add(new("Uri", $"another path: {uri.AbsolutePath}", ""));
        seen.Enqueue(new Seen(
            request.Headers["X-Case"].ToString(), request.Method, request.Host.Value ?? "", target, ideas, [.. request.Query["env"].Select(v => v ?? "")],
            [.. request.Headers["X-Env"].Concat(request.Headers["X_Env"]).Select(v => v ?? "")], amounts, [.. request.Headers["X-Forwarded-Host"].Select(v => v ?? "")],
            [.. request.Headers.Keys.Where(k => k.StartsWith("Jit-", StringComparison.OrdinalIgnoreCase) || k.StartsWith("Jit_", StringComparison.OrdinalIgnoreCase))]));
        context.Response.Headers["X-Upstream"] = "kestrel";
        if (!HttpMethods.IsHead(request.Method))
            await context.Response.WriteAsync("seen");
    }

    private static IReadOnlyList<string> Amounts(byte[] body)
    {
        try
        {
            return JsonSerializer.Deserialize<Refund>(body, Json)?.Amount is { } amount ? [amount.ToString("R", CultureInfo.InvariantCulture)] : [];
        }
        catch (JsonException)
        {
            return [];
        }
    }

    private sealed record Refund(double? Amount);
}
