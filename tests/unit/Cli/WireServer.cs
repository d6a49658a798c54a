using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace JitGrains.UnitTests.Cli;

/// <summary>A real HTTP server on loopback that gives prepared answers and keeps what it was asked.</summary>
public sealed class WireServer : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly Dictionary<string, Queue<Answer>> answers = new(StringComparer.Ordinal);

    private WireServer(WebApplication app) => this.app = app;

    /// <summary>What it was asked, in order.</summary>
    public ConcurrentQueue<Asked> Requests { get; } = new();

    public string Address => app.Urls.Single();

    public static async Task<WireServer> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var server = new WireServer(builder.Build());
        server.app.Run(server.HandleAsync);
        await server.app.StartAsync();
        return server;
    }

    /// <summary>Prepares an answer; several to one target are given one after the other, the last again and again.</summary>
    public WireServer On(string methodAndTarget, int status, string body, string contentType = "application/json", params (string Name, string Value)[] headers)
    {
        if (!answers.TryGetValue(methodAndTarget, out var queue))
            answers[methodAndTarget] = queue = new Queue<Answer>();
        queue.Enqueue(new Answer(status, body, contentType, headers));
        return this;
    }

    public WireServer OnProblem(string methodAndTarget, int status, string name, string title, string detail, string? field = null, params (string Name, string Value)[] headers) =>
        On(
            methodAndTarget,
            status,
            System.Text.Json.JsonSerializer.Serialize(
                new { type = $"https://jitgrains.dev/problems/{name}", title, status, detail, field },
                JitGrains.Json.JitJson.Options),
            "application/problem+json",
            headers);

    public async ValueTask DisposeAsync() => await app.DisposeAsync();

    private async Task HandleAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        var body = await reader.ReadToEndAsync();
        var target = $"{context.Request.Method} {context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget}";
        Requests.Enqueue(new Asked(target, body, context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase)));
        Answer answer;
        lock (answers)
        {
            if (!answers.TryGetValue(target, out var queue))
                answer = new Answer(404, """{"title":"No such answer prepared"}""", "application/problem+json", []);
            else
                answer = queue.Count > 1 ? queue.Dequeue() : queue.Peek();
        }

        context.Response.StatusCode = answer.Status;
        foreach (var (name, value) in answer.Headers)
            context.Response.Headers[name] = value;
        if (answer.Body.Length == 0)
            return;
        context.Response.ContentType = answer.ContentType;
        await context.Response.WriteAsync(answer.Body);
    }

    private sealed record Answer(int Status, string Body, string ContentType, (string Name, string Value)[] Headers);
}

public sealed record Asked(string Target, string Body, IReadOnlyDictionary<string, string> Headers);
