using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace JitGrains.ClusterTests.Wire;

/// <summary>An answer, or that there was none.</summary>
/// <param name="SentAt">Before it was sent.</param>
internal sealed record Answer(DateTimeOffset SentAt)
{
    /// <summary>When it had arrived; by the kernel's stamp where the client asks one thing at a time.</summary>
    public DateTimeOffset? At { get; init; }

    /// <summary>0 where none came.</summary>
    public int Status { get; init; }

    public string Body { get; init; } = "";

    /// <summary>The problem's name, where it is one.</summary>
    public string? Problem { get; init; }

    /// <summary>The header Jit-Request.</summary>
    public string? Request { get; init; }

    /// <summary>Why none came.</summary>
    public string? Because { get; init; }

    public bool Succeeded => Status is >= 200 and < 300;

    public JsonNode Json => JsonNode.Parse(Body)!;
}

/// <summary>
/// A client of its own with its own connections. What goes wrong on the way is an answer too: none. Thread-safe; times are
/// the kernel's where <paramref name="oneByOne"/> holds, and then it is for one thing at a time.
/// </summary>
internal sealed class Client(bool oneByOne = false, TimeSpan? patience = null) : IDisposable
{
    private readonly ConcurrentDictionary<string, StampedStream> streams = new(StringComparer.Ordinal);
    private HttpClient? http;

    /// <summary>The client below, for what is not just asked and answered.</summary>
    public HttpClient Http => http ??= Create();

    public async Task<Answer> Send(
        string method, Uri address, string? token, object? json = null, TimeSpan? within = null, CancellationToken cancellation = default, params (string Name, string Value)[] headers)
    {
        var sent = Clock.Now;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(within ?? patience ?? TimeSpan.FromSeconds(10));
        try
        {
            using var request = Request(method, address, token, json, headers);
            using var response = await Http.SendAsync(request, limit.Token);
            var body = await response.Content.ReadAsStringAsync(limit.Token);
            var answered = oneByOne && streams.TryGetValue(address.Authority, out var stream) ? stream.ReadAt : Clock.Now;
            return new Answer(sent)
            {
                At = answered,
                Status = (int)response.StatusCode,
                Body = body,
                Problem = ProblemOf(response, body),
                Request = response.Headers.NonValidated.TryGetValues("Jit-Request", out var values) ? values.ToString() : null,
            };
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException or SocketException)
        {
            return new Answer(sent) { Because = e.GetType().Name + ": " + (e.InnerException ?? e).Message };
        }
    }

    public static HttpRequestMessage Request(string method, Uri address, string? token, object? json, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), address);
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        if (json is not null)
            request.Content = new StringContent(JsonSerializer.Serialize(json), Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
        return request;
    }

    public void Dispose() => http?.Dispose();

    private static string? ProblemOf(HttpResponseMessage response, string body)
    {
        if (response.Content.Headers.ContentType?.MediaType != "application/problem+json")
            return null;
        var type = JsonNode.Parse(body)!["type"]!.GetValue<string>();
        return type[(type.LastIndexOf('/') + 1)..];
    }

    private HttpClient Create() => new(new SocketsHttpHandler
    {
        MaxConnectionsPerServer = oneByOne ? 1 : 64,
        ConnectCallback = async (context, cancellation) =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, context.DnsEndPoint.Port), cancellation);
            }
            catch
            {
                socket.Dispose();
                throw;
            }

            return streams[$"{context.DnsEndPoint.Host}:{context.DnsEndPoint.Port}"] = new StampedStream(socket);
        },
    })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };
}
