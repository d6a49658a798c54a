using System.Net;
using JitGrains.Audit;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Journal;
using JitGrains.GatewayTests.Support;
using JitGrains.Runtime.Engine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace JitGrains.GatewayTests.Calls;

/// <summary>Decisions as callers see them: CORS, observe, denials, listeners, and the journal of it all.</summary>
public sealed class RuleTests
{
    private const string Origin = "https://app.example.com";

    [Fact]
    public async Task Denials_say_which_rule_and_go_to_the_journal()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address);
        var dave = await gateway.Token("dave");

        var ruled = await gateway.Send("POST", "/orders/42/refunds", dave, new { amount = 25 });
        Assert.Equal((HttpStatusCode.Forbidden, "denied"), (ruled.Status, ruled.Problem));
        Assert.StartsWith("deny; rule=\"no-auditors\"; policy=\"sha256-", ruled.Header("Jit-Decision"), StringComparison.Ordinal);
        Assert.Equal("jitgrains; error=http_request_denied", ruled.Header("Proxy-Status"));
        foreach (var (method, path) in new[] { ("DELETE", "/orders/42"), ("PATCH", "/orders/42"), ("GET", "/elsewhere") })
        {
            var unmatched = await gateway.Send(method, path, dave);
            Assert.Equal((HttpStatusCode.Forbidden, "denied"), (unmatched.Status, unmatched.Problem));
            Assert.StartsWith("deny; policy=", unmatched.Header("Jit-Decision"), StringComparison.Ordinal);
        }

        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/42", dave)).Status);
        var journal = gateway.Services.GetRequiredService<GatewayJournal>();
        var store = gateway.Services.GetRequiredService<IAuditStore>();
        await Eventually.Get(async () => (await store.GetHeadAsync(journal.Source)).Sequence >= 6 ? "written" : null);
        var chain = new AuditChain(journal.Source);
        var types = new List<string>();
        await foreach (var entry in store.ReadChainAsync(journal.Source))
        {
            Assert.Null(chain.Next(new StoredEntry(entry.Source, entry.Sequence, entry.Hash, entry.Body)));
            types.Add(System.Text.Json.Nodes.JsonNode.Parse(entry.Body)!["type"]!.GetValue<string>());
            Assert.DoesNotContain("dave", entry.Body, StringComparison.Ordinal);
        }

        Assert.Equal(AuditTypes.GatewayStarted, types[0]);
        Assert.Equal(4, types.Count(t => t == AuditTypes.CallDenied));
        Assert.Contains(AuditTypes.CallForwarded, types);
    }

    [Fact]
    public async Task A_journal_that_cannot_keep_up_sheds_calls_before_they_run()
    {
        await using var upstream = await OrdersUpstream.Start();
        var stuck = new StuckStore();
        await using var gateway = await GatewayFixture.Start(
            upstream.Address,
            configure: services =>
            {
                services.AddSingleton(new GatewayOptions { JournalCapacity = 3 });
                stuck.Around(services);
            });
        var alice = await gateway.Token("alice");
        stuck.IsStuck = true;

        var answers = new List<Answer>();
        for (var i = 0; i < 6; i++)
            answers.Add(await gateway.Send("GET", "/orders/42", alice));

        Assert.Equal(3, answers.Count(a => a.Status == HttpStatusCode.OK));
        Assert.Equal(3, answers.Count(a => a.Problem == "unavailable"));
        Assert.Equal(3, upstream.Seen.Count);
        stuck.IsStuck = false;
        await Eventually.Get(async () => (await gateway.Send("GET", "/orders/42", alice)).Status == HttpStatusCode.OK ? "again" : null);
    }

    [Fact]
    public async Task An_observing_api_forwards_and_records_what_enforce_would_have_done()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policies.Orders.Replace("prefix: /orders", "prefix: /orders\n    mode: observe", StringComparison.Ordinal));
        var alice = await gateway.Token("alice");

        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("POST", "/orders/42/refunds", alice, new { amount = 25 })).Status);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("PATCH", "/orders/42", alice)).Status);
        Assert.Equal(2, upstream.Seen.Count);
        // The form of a request is not for observation.
        Assert.Equal(HttpStatusCode.BadRequest, (await gateway.Send("GET", "/orders/42%2F", alice)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await gateway.Send("GET", "/orders/42")).Status);

        var journal = gateway.Services.GetRequiredService<GatewayJournal>();
        var store = gateway.Services.GetRequiredService<IAuditStore>();
        await Eventually.Get(async () => (await store.GetHeadAsync(journal.Source)).Sequence >= 3 ? "written" : null);
        var would = new List<string>();
        await foreach (var entry in store.ReadChainAsync(journal.Source, fromSequence: 2))
            would.Add(System.Text.Json.Nodes.JsonNode.Parse(entry.Body)!["data"]!["would"]!.GetValue<string>());
        Assert.Equal(["approve", "deny"], would);
    }

    [Fact]
    public async Task Browsers_get_preflights_and_can_read_refusals()
    {
        await using var upstream = await OrdersUpstream.Start(context =>
        {
            context.Response.Headers.AccessControlAllowOrigin = "*";
            return Task.CompletedTask;
        });
        await using var gateway = await GatewayFixture.Start(upstream.Address);
        var alice = await gateway.Token("alice");

        var preflight = await gateway.Send("OPTIONS", "/orders/42/refunds", headers: [("Origin", Origin), ("Access-Control-Request-Method", "POST")]);
        Assert.Equal(HttpStatusCode.NoContent, preflight.Status);
        Assert.Equal(Origin, preflight.Header("Access-Control-Allow-Origin"));
        Assert.Contains("POST", preflight.Header("Access-Control-Allow-Methods"), StringComparison.Ordinal);
        Assert.Contains("Jit-Reason", preflight.Header("Access-Control-Allow-Headers"), StringComparison.Ordinal);
        var foreign = await gateway.Send("OPTIONS", "/orders/42/refunds", headers: [("Origin", "https://evil.example.com"), ("Access-Control-Request-Method", "POST")]);
        Assert.Null(foreign.Header("Access-Control-Allow-Origin"));

        foreach (var refusal in new[]
        {
            await gateway.Send("POST", "/orders/42/refunds", alice, new { amount = 25 }, ("Origin", Origin), ("Prefer", "wait=0")),
            await gateway.Send("POST", "/orders/42/refunds", null, new { amount = 25 }, ("Origin", Origin)),
            await gateway.Send("PATCH", "/orders/42", alice, headers: ("Origin", Origin)),
        })
        {
            Assert.Equal(Origin, refusal.Header("Access-Control-Allow-Origin"));
            Assert.Contains("Jit-Request", refusal.Header("Access-Control-Expose-Headers"), StringComparison.Ordinal);
        }

        var forwarded = await gateway.Send("GET", "/orders/42", alice, headers: ("Origin", Origin));
        Assert.Equal(Origin, forwarded.Header("Access-Control-Allow-Origin"));
        Assert.Equal("Origin", forwarded.Header("Vary"));
        Assert.Single(upstream.Seen);
    }

    [Fact]
    public async Task Nothing_of_one_role_answers_on_anothers_port()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address);
        using var client = new HttpClient();
        foreach (var (listener, path) in new[]
        {
            (gateway.Control, "/orders/42"), (gateway.Control, "/.jit/livez"), (gateway.Sample, "/api/v1/policy"), (gateway.Sample, "/.jit/livez"), (gateway.Sample, "/healthz"),
        })
        {
            using var answer = await client.GetAsync(new Uri(listener, path));
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }

        foreach (var path in new[] { "/api/v1/policy", "/healthz", "/openapi/v1.json" })
            Assert.Equal(HttpStatusCode.Unauthorized, (await gateway.Send("GET", path)).Status);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/.jit/livez")).Status);
        Assert.Equal("ready", (await gateway.Send("GET", "/.jit/readyz")).Json["status"]!.GetValue<string>());
        Assert.Equal("dev:user:alice", (await gateway.Send("GET", "/.jit/whoami", await gateway.Token("alice"))).Json["principal"]!.GetValue<string>());
    }

    [Fact]
    public async Task An_unknown_host_is_misdirected()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policies.Orders.Replace("prefix: /orders", "host: orders.example.com\n    prefix: /orders", StringComparison.Ordinal));
        var alice = await gateway.Token("alice");
        var wrong = await gateway.Send("GET", "/orders/42", alice);
        Assert.Equal(((HttpStatusCode)421, "unknown-host"), (wrong.Status, wrong.Problem));
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/42", alice, headers: ("Host", "orders.example.com"))).Status);
    }
}

/// <summary>An audit store that can be made to hang on to a gateway's journal.</summary>
internal sealed class StuckStore
{
    public bool IsStuck { get; set; }

    public void Around(IServiceCollection services)
    {
        var inner = services.Last(s => s.ServiceType == typeof(IAuditStore)).ImplementationFactory!;
        services.Replace(ServiceDescriptor.Singleton<IAuditStore>(p => new Store((IAuditStore)inner(p), this)));
    }

    private sealed class Store(IAuditStore inner, StuckStore owner) : AuditStoreInFront
    {
        protected override IAuditStore Inner => inner;

        public override Task AppendAsync(IReadOnlyList<AuditEntry> entries, CancellationToken cancellationToken = default) =>
            owner.IsStuck ? Task.FromException(new IOException("the disk is full")) : Inner.AppendAsync(entries, cancellationToken);
    }
}
