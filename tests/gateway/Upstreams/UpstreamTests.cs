using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Upstreams;

/// <summary>Several upstreams behind one API: who gets a call, who gets none, and when a call is sent again.</summary>
public sealed class UpstreamTests
{
    private const string Counted = "/pay/1";
    private const string Open = "/open/1";

    [Fact]
    public async Task Calls_go_round()
    {
        await using var cluster = await Two("", RawUpstream.Ok, RawUpstream.Ok);
        for (var i = 0; i < 10; i++)
            Assert.Equal(HttpStatusCode.OK, (await cluster.Get()).Status);
        Assert.Equal((5, 5), cluster.Seen);
    }

    [Fact]
    public async Task The_first_of_the_list_gets_all_while_it_is_healthy()
    {
        await using var cluster = await Two("load_balancing: first", RawUpstream.Ok, RawUpstream.Ok);
        for (var i = 0; i < 10; i++)
            Assert.Equal(HttpStatusCode.OK, (await cluster.Get()).Status);
        Assert.Equal((10, 0), cluster.Seen);
    }

    [Fact]
    public async Task The_one_with_fewer_calls_under_way_gets_the_next()
    {
        var release = new TaskCompletionSource();
        await using var cluster = await Two("load_balancing: least_requests", RawUpstream.Ok, RawUpstream.Ok, wait: head => head.StartsWith("GET /open/slow", StringComparison.Ordinal) ? release.Task : Task.CompletedTask);
        var slow = cluster.Get("/open/slow");
        await Eventually.Holds(() => cluster.Seen is not (0, 0));
        var before = cluster.Seen;
        for (var i = 0; i < 10; i++)
            await cluster.Get();
        Assert.Equal(before == (1, 0) ? (1, 10) : (10, 1), cluster.Seen);
        release.SetResult();
        Assert.Equal(HttpStatusCode.OK, (await slow).Status);
    }

    [Fact]
    public async Task One_that_says_it_is_not_healthy_gets_no_calls_until_it_is()
    {
        var healthy = false;
        await using var cluster = await Two(
            "health_check: {path: /healthz, interval: 1s, timeout: 1s, failures: 1}", RawUpstream.Ok, RawUpstream.Ok, health: () => Volatile.Read(ref healthy));
        // The probes begin when the policy is loaded: wait until the first one's failure has its effect.
        await Eventually.Get(async () =>
        {
            var before = cluster.Seen;
            for (var i = 0; i < 4; i++)
                Assert.Equal(HttpStatusCode.OK, (await cluster.Get()).Status);
            return cluster.Seen.First == before.First ? "" : null;
        });
        Volatile.Write(ref healthy, true);
        await Eventually.Get(async () =>
        {
            var before = cluster.Seen;
            for (var i = 0; i < 4; i++)
                Assert.Equal(HttpStatusCode.OK, (await cluster.Get()).Status);
            return cluster.Seen.First > before.First ? "" : null;
        });
        // What probes sent carries nothing of any caller.
        Assert.All(cluster.Probes, p => Assert.DoesNotContain("Authorization", p, StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task One_that_fails_calls_gets_none_for_a_while_and_no_use_is_lost_on_it()
    {
        await using var cluster = await Two("circuit_breaker: {failure_percent: 50, open_for: 10s}, when_none_healthy: refuse", "", "");
        await Eventually.Get(async () => (await cluster.Get()) is { Status: HttpStatusCode.ServiceUnavailable, Problem: "upstream-unhealthy" } refused && refused.Header("Retry-After") is not null ? "" : null);
        var before = cluster.Seen;
        var refused = await cluster.Send("POST", Counted);
        Assert.Equal("upstream-unhealthy", refused.Problem);
        Assert.Equal(before, cluster.Seen);
        // No use was taken of the grant that policy gave, and so nothing says that the call has run.
        cluster.Answer = RawUpstream.Ok;
        await Eventually.Get(async () => (await cluster.Send("POST", Counted)) is { Status: HttpStatusCode.OK } ? "" : null);
        Assert.Equal(1, cluster.SeenOf("POST /pay"));
    }

    [Fact]
    public async Task Callers_that_hang_up_take_no_upstream_away_from_the_others()
    {
        var never = new TaskCompletionSource();
        await using var cluster = await Two(
            "circuit_breaker: {failure_percent: 1}, load_balancing: first", RawUpstream.Ok, RawUpstream.Ok, wait: head => head.StartsWith("GET /open/slow", StringComparison.Ordinal) ? never.Task : Task.CompletedTask);
        using var client = new HttpClient();
        for (var i = 1; i <= 20; i++)
        {
            using var gone = new CancellationTokenSource();
            using var request = GatewayFixture.Request("GET", new Uri(cluster.Gateway.Gateway, "/open/slow"), cluster.Alice, null);
            var call = client.SendAsync(request, gone.Token);
            await Eventually.Holds(() => cluster.Seen.First == i);
            await gone.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        }

        for (var i = 0; i < 5; i++)
            Assert.Equal(HttpStatusCode.OK, (await cluster.Get()).Status);
        Assert.Equal((25, 0), cluster.Seen);
        never.SetResult();
    }

    [Fact]
    public async Task Where_none_is_healthy_all_may_be_tried()
    {
        await using var cluster = await Two("circuit_breaker: {failure_percent: 1, open_for: 1h}, when_none_healthy: try", "", "");
        for (var i = 0; i < 40; i++)
            Assert.Equal(HttpStatusCode.BadGateway, (await cluster.Send("POST", Open)).Status);
        // Which of the two is counted out while the other still stands, and for how many calls, is the health policy's own.
        var (first, second) = cluster.Seen;
        Assert.Equal(40, first + second);
        Assert.InRange(first, 15, 25);
    }

    [Theory]
    [InlineData("GET", Open, null)]
    [InlineData("HEAD", Open, null)]
    [InlineData("POST", Open, "{}")]
    [InlineData("DELETE", Open, null)]
    public async Task What_reached_nobody_is_sent_to_the_other(string method, string path, string? body)
    {
        await using var cluster = await Two("retries: 1, load_balancing: first", null, RawUpstream.Ok);
        for (var i = 0; i < 5; i++)
            Assert.Equal(HttpStatusCode.OK, (await cluster.Send(method, path, body)).Status);
        Assert.Equal((0, 5), cluster.Seen);
    }

    [Theory]
    [InlineData("GET", Open, null, true)]
    [InlineData("HEAD", Open, null, true)]
    [InlineData("POST", Open, null, false)]
    [InlineData("POST", Open, "{}", false)]
    [InlineData("PUT", Open, "{}", false)]
    [InlineData("DELETE", Open, null, false)]
    [InlineData("GET", Counted, null, false)]
    [InlineData("POST", Counted, "{}", false)]
    public async Task What_may_have_reached_somebody_is_sent_again_only_where_that_is_safe(string method, string path, string? body, bool again)
    {
        await using var cluster = await Two("retries: 1, load_balancing: first", "", RawUpstream.Ok);
        Assert.Equal(again ? HttpStatusCode.OK : HttpStatusCode.BadGateway, (await cluster.Send(method, path, body)).Status);
        Assert.Equal(again ? 1 : 0, cluster.Seen.Second);
        // Where a connection dies before its first answer, the HTTP stack tries anew by itself what is idempotent and has no body.
        var stack = path == Open && body is null && method != "POST";
        Assert.InRange(cluster.Seen.First, 1, stack ? 2 : 1);
    }

    [Fact]
    public async Task A_counted_call_that_reached_nobody_is_not_sent_again_either()
    {
        await using var cluster = await Two("retries: 3, load_balancing: first", null, RawUpstream.Ok);
        Assert.Equal(HttpStatusCode.BadGateway, (await cluster.Send("POST", Counted, "{}")).Status);
        Assert.Equal((0, 0), cluster.Seen);
    }

    [Fact]
    public async Task Retries_are_few_beside_calls()
    {
        await using var cluster = await Two("retries: 3, load_balancing: first", "", "");
        for (var i = 0; i < 100; i++)
            Assert.Equal(HttpStatusCode.BadGateway, (await cluster.Send("HEAD", Open)).Status);
        // Ten at once and one for each five calls; each may be sent twice where its connection dies before its first answer.
        Assert.InRange(cluster.Seen.Second, 10, 62);
        Assert.InRange(cluster.Seen.First, 100, 262);
    }

    private static async Task<Pair> Two(string settings, string? first, string second, Func<string, Task>? wait = null, Func<bool>? health = null)
    {
        var pair = new Pair { Answer = null };
        async Task<bool> Respond(string head, NetworkStream connection, string answer, bool isFirst)
        {
            if (head.StartsWith("GET /healthz", StringComparison.Ordinal))
            {
                pair.Probes.Enqueue(head);
                return await RawUpstream.Write(connection, health is null || !isFirst || health() ? RawUpstream.Ok : "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
            }

            if (wait is not null)
                await wait(head);
            var text = pair.Answer ?? answer;
            if (text.Length > 0 && head.StartsWith("HEAD", StringComparison.Ordinal))
                text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
            return await RawUpstream.Write(connection, text, keep: text.Length > 0);
        }

        pair.Upstreams = [new RawUpstream((h, c) => Respond(h, c, first ?? "", true)), new RawUpstream((h, c) => Respond(h, c, second, false))];
        var addresses = pair.Upstreams.Select(u => $"\"{u.Address.GetLeftPart(UriPartial.Authority)}\"").ToArray();
        if (first is null)
            await pair.Upstreams[0].DisposeAsync();
        pair.Gateway = await GatewayFixture.Start(policy: $$$$"""
            version: 1
            realm: dev
            groups: {engineering: {}, managers: {}}
            apis:
              any: {upstreams: [{{{{string.Join(", ", addresses)}}}}], {{{{settings}}}}{{{{(settings.Length > 0 ? ", " : "")}}}}actions: {
                open.any: {methods: [GET, HEAD, POST, PUT, DELETE], path: "/open/{x}"},
                pay: {methods: [GET, POST], path: "/pay/{x}", binding: resource}}}
            rules:
              - {name: open, who: {groups: [engineering]}, actions: {names: [open.any]}, effect: allow}
              - {name: pay, who: {groups: [engineering]}, actions: {names: [pay]}, effect: approve, approve: {auto: {path: {x: {exists: true}}}, uses: once}}
            """, args: ["--store", "memory"]);
        pair.Alice = await pair.Gateway.Token("alice");
        return pair;
    }

    private sealed class Pair : IAsyncDisposable
    {
        public GatewayFixture Gateway { get; set; } = null!;

        public RawUpstream[] Upstreams { get; set; } = [];

        public ConcurrentQueue<string> Probes { get; } = new();

        public string Alice { get; set; } = "";

        /// <summary>What both answer from now on.</summary>
        public string? Answer { get; set; }

        public (int First, int Second) Seen => (Count(0), Count(1));

        public Task<Answer> Get(string path = Open) => Send("GET", path);

        public Task<Answer> Send(string method, string path, string? body = null) => Gateway.Send(method, path, Alice, body);

        public int SeenOf(string start) => Upstreams.Sum(u => u.Heads.Count(h => h.StartsWith(start, StringComparison.Ordinal)));

        public async ValueTask DisposeAsync()
        {
            await Gateway.DisposeAsync();
            foreach (var upstream in Upstreams)
                await upstream.DisposeAsync();
        }

        private int Count(int which) => Upstreams[which].Heads.Count(h => !h.Contains("/healthz", StringComparison.Ordinal));
    }
}
