using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace JitGrains.Bench;

/// <summary>Everything that callers and approvers do, at once and over and over, until they are stopped. Failures of a gateway that is being restarted count for nothing.</summary>
internal sealed class SoakTraffic(Gateway gateway, Func<bool> isRestarting) : IDisposable
{
    private readonly HttpClient http = new(new SocketsHttpHandler { MaxConnectionsPerServer = 256, PooledConnectionIdleTimeout = TimeSpan.FromSeconds(5) }) { Timeout = TimeSpan.FromSeconds(90) };
    private readonly ConcurrentDictionary<string, long> counts = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> wrong = new(StringComparer.Ordinal);
    private long turnedAway;
    private int serial;

    /// <summary>How often what was done.</summary>
    public IReadOnlyDictionary<string, long> Counts => counts;

    /// <summary>What was answered otherwise than it should have been, and how often.</summary>
    public IReadOnlyDictionary<string, long> Wrong => wrong;

    /// <summary>Calls that the gateway turned away because it was late, as it does on a machine that has too much to do.</summary>
    public long TurnedAway => Volatile.Read(ref turnedAway);

    public void Dispose() => http.Dispose();

    public Task RunAsync(CancellationToken over) => Task.WhenAll(
    [
        .. Loops(6, "allowed", Allowed, over), .. Loops(2, "many-use", Many, over), .. Loops(2, "counted", Counted, over),
        .. Loops(4, "held and approved", c => Held("approve", c), over), .. Loops(1, "held and denied", c => Held("deny", c), over),
        .. Loops(2, "held and left", Left, over), .. Loops(1, "granted and revoked", Revoked, over), .. Loops(1, "refused", Refused, over),
    ]);

    private IEnumerable<Task> Loops(int number, string what, Func<Caller, Task> once, CancellationToken over) => Enumerable.Range(0, number).Select(_ => Task.Run(
        async () =>
        {
            var caller = new Caller();
            while (!over.IsCancellationRequested)
            {
                try
                {
                    if (caller.Uses++ % 200 == 0)
                        await Renew(caller);
                    await once(caller);
                    counts.AddOrUpdate(what, 1, static (_, n) => n + 1);
                }
                catch (Exception e) when (e is HttpRequestException or InvalidOperationException or TaskCanceledException)
                {
                    caller.Granted = false;
                    caller.Uses = 0;
                    if (isRestarting())
                        await Task.Yield();
                    else if (e is TurnedAwayException)
                        Interlocked.Increment(ref turnedAway);
                    else
                        wrong.AddOrUpdate($"{what}: {string.Join(" ", Messages(e))}", 1, static (_, n) => n + 1);
                }
            }
        },
        CancellationToken.None));

    /// <summary>Somebody new: so principals come and go.</summary>
    private async Task Renew(Caller caller)
    {
        caller.Token = await gateway.TokenAsync("alice", $"agent:soak-{Interlocked.Increment(ref serial)}");
        caller.Bob = await gateway.TokenAsync("bob");
        caller.Granted = false;
    }

    private async Task Allowed(Caller caller) => await Expect(caller.Token, HttpMethod.Get, "/allow", HttpStatusCode.OK);

    private async Task Many(Caller caller)
    {
        if (!caller.Granted)
            await gateway.GrantAsync(caller.Token, caller.Bob, "bench.many", new { duration_seconds = 3600 });
        caller.Granted = true;
        await Expect(caller.Token, HttpMethod.Get, "/many", HttpStatusCode.OK);
    }

    private async Task Counted(Caller caller)
    {
        if (!caller.Granted)
            await gateway.GrantAsync(caller.Token, caller.Bob, "bench.counted", new { uses = 1000 });
        caller.Granted = true;
        await Expect(caller.Token, HttpMethod.Get, "/counted", HttpStatusCode.OK);
    }

    private async Task Held(string decision, Caller caller)
    {
        var url = $"{gateway.Process.Url}/hold/{Interlocked.Increment(ref serial)}";
        using var asked = await Send(caller.Token, HttpMethod.Post, url, new JsonObject { ["amount"] = 1 }, wait: 0);
        Check(asked, HttpStatusCode.Forbidden);
        var id = asked.Headers.GetValues("Jit-Request").Single();
        var held = Send(caller.Token, HttpMethod.Post, url, new JsonObject { ["amount"] = 1 });
        await gateway.VoteAsync(caller.Bob, id, decision);
        using var answer = await held;
        Check(answer, decision == "approve" ? HttpStatusCode.OK : HttpStatusCode.Forbidden);
    }

    private async Task Left(Caller caller)
    {
        // No more than a caller may have pending.
        if (caller.Uses % 15 == 0)
            await Renew(caller);
        using var hangUp = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        try
        {
            using var answer = await Send(caller.Token, HttpMethod.Post, $"{gateway.Process.Url}/hold/{Interlocked.Increment(ref serial)}", new JsonObject { ["amount"] = 1 }, cancellation: hangUp.Token);
        }
        catch (OperationCanceledException) when (hangUp.IsCancellationRequested)
        {
            // That was the point.
        }
    }

    private async Task Revoked(Caller caller)
    {
        if (caller.Uses % 15 == 0)
            await Renew(caller);
        var grant = await gateway.GrantAsync(caller.Token, caller.Bob, "bench.many", new { duration_seconds = 3600 });
        await Expect(caller.Token, HttpMethod.Get, "/many", HttpStatusCode.OK);
        using (var answer = await Send(caller.Bob, HttpMethod.Delete, $"{gateway.Control}/api/v1/grants/{grant}", null))
            Check(answer, HttpStatusCode.OK);
        using var after = await Send(caller.Token, HttpMethod.Get, $"{gateway.Process.Url}/many", null, wait: 0);
        Check(after, HttpStatusCode.Forbidden);
    }

    private async Task Refused(Caller caller)
    {
        await Expect(caller.Token, HttpMethod.Delete, "/allow", HttpStatusCode.Forbidden);
        await Expect("no.such.token", HttpMethod.Get, "/allow", HttpStatusCode.Unauthorized);
    }

    private async Task Expect(string token, HttpMethod method, string path, HttpStatusCode status)
    {
        using var answer = await Send(token, method, gateway.Process.Url + path, null);
        Check(answer, status);
    }

    private async Task<HttpResponseMessage> Send(string token, HttpMethod method, string url, JsonNode? body, int? wait = null, CancellationToken cancellation = default)
    {
        using var request = new HttpRequestMessage(method, url);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (wait is not null)
            request.Headers.Add("Prefer", $"wait={wait}");
        if (body is not null)
            request.Content = JsonContent.Create(body);
        var answer = await http.SendAsync(request, cancellation);
        if (answer.StatusCode != HttpStatusCode.ServiceUnavailable)
            return answer;
        using (answer)
        {
            var problem = JsonNode.Parse(await answer.Content.ReadAsStringAsync(cancellation))?["type"]?.GetValue<string>() ?? "";
            throw problem.EndsWith("/overloaded", StringComparison.Ordinal) ? new TurnedAwayException() : new InvalidOperationException($"{method} {new Uri(url).Segments[1]}: 503 {problem}");
        }
    }

    private static void Check(HttpResponseMessage answer, HttpStatusCode expected)
    {
        if (answer.StatusCode != expected)
            throw new InvalidOperationException($"{answer.RequestMessage!.Method} {answer.RequestMessage.RequestUri!.Segments[1]}: {(int)answer.StatusCode} instead of {(int)expected}");
    }

    /// <summary>What it says, and what was behind it: that a connection broke, say, is told by the innermost.</summary>
    private static IEnumerable<string> Messages(Exception? e)
    {
        for (; e is not null; e = e.InnerException)
            yield return e.Message;
    }

    private sealed class TurnedAwayException : InvalidOperationException;

    private sealed class Caller
    {
        public string Token { get; set; } = "";

        public string Bob { get; set; } = "";

        public bool Granted { get; set; }

        public int Uses { get; set; }
    }
}
