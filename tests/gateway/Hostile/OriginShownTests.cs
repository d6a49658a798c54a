using System.Net;
using System.Text.Json.Nodes;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Hostile;

/// <summary>From where a request was raised and a call made: shown to whoever decides, and in the audit trail. 127.0.0.1 is a listed proxy and says who calls.</summary>
public sealed class OriginShownTests
{
    private const string Policy = """
        version: 1
        realm: dev
        groups: {engineering: {}, managers: {}}
        apis:
          asks:
            upstreams: [$UPSTREAM]
            prefix: /asks
            actions:
              asks.ahead: {methods: [GET], path: "/asks/ahead", binding: action}
              asks.exact: {methods: [POST], path: "/asks/exact"}
          open: {upstreams: [$UPSTREAM], prefix: /open, actions: {open.any: {methods: [GET], path: "/open/{path*}"}}}
        rules:
          - {name: asks, who: {anyone: true}, actions: {names: [asks.ahead, asks.exact]}, effect: approve, approve: {stages: [{groups: [managers]}]}}
          - {name: open, who: {anyone: true}, actions: {names: [open.any]}, effect: allow}
        """;

    [Fact]
    public async Task Approvers_and_the_audit_trail_see_from_where()
    {
        await using var upstream = await OrdersUpstream.Start();
        var folder = Directory.CreateTempSubdirectory("jitgrains-test-").FullName;
        var table = Path.Combine(folder, "table.csv");
        await File.WriteAllTextAsync(table, "193.0.0.0/16,NL\n2001:db8::/32,US\n");
        await using var gateway = await GatewayFixture.Start(
            upstream.Address, Policy, settings: new Dictionary<string, string>(StringComparer.Ordinal) { ["Proxies:0"] = "127.0.0.1", ["AddressTables:0"] = table }, args: ["--store", "memory"]);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));

        var ahead = await gateway.Send("POST", "/.jit/requests", alice, new { action = "asks.ahead" }, ("X-Forwarded-For", "193.0.6.139"));
        Assert.Equal(("193.0.6.139", "NL"), await Shown(ahead.Json["id"]!.GetValue<string>()));
        // Nobody changes what was seen by joining from elsewhere.
        var joined = await gateway.Send("GET", "/asks/ahead", alice, null, ("X-Forwarded-For", "2001:db8::7"), ("Prefer", "wait=0"));
        Assert.Equal(ahead.Json["id"]!.GetValue<string>(), joined.Header("Jit-Request"));
        Assert.Equal(("193.0.6.139", "NL"), await Shown(joined.Header("Jit-Request")!));

        var exact = await gateway.Send("POST", "/asks/exact", alice, new { amount = 1 }, ("X-Forwarded-For", "2001:db8::7"), ("Prefer", "wait=0"));
        Assert.Equal(("2001:db8::7", "US"), await Shown(exact.Header("Jit-Request")!));
        var elsewhere = await gateway.Send("POST", "/asks/exact", alice, new { amount = 2 }, ("X-Forwarded-For", "203.0.113.9"), ("Prefer", "wait=0"));
        Assert.Equal(("203.0.113.9", null), await Shown(elsewhere.Header("Jit-Request")!));

        Assert.Equal(HttpStatusCode.OK, (await gateway.Vote(bob, exact.Header("Jit-Request")!)).Status);

        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/open/x", alice, null, ("X-Forwarded-For", "193.0.6.139"))).Status);
        Assert.Contains(await Entries("request.raised"), e => e == ("2001:db8::7", "US"));
        Assert.Contains(await Entries("request.raised"), e => e == ("203.0.113.9", null));
        await Eventually.Get(async () => (await Entries("call.forwarded")).Contains(("193.0.6.139", "NL")) ? "there" : null);
        Directory.Delete(folder, recursive: true);

        async Task<(string? Address, string? Country)> Shown(string id)
        {
            var shown = await Eventually.Get(async () => await gateway.Approver("GET", $"requests/{id}", bob) is { Status: HttpStatusCode.OK } answer ? answer.Json["request"] : null);
            return (Text(shown, "address"), Text(shown, "country"));
        }

        async Task<List<(string?, string?)>> Entries(string type)
        {
            var page = await gateway.Approver("GET", $"audit?type={type}", await gateway.Token("dave"));
            return [.. page.Json["items"]!.AsArray().Select(e => (Text(e!["personal"]!, Text(e["data"]!, "address")!), Text(e["data"]!, "country")))];
        }
    }

    private static string? Text(JsonNode node, string name) => node[name]?.GetValue<string>();
}
