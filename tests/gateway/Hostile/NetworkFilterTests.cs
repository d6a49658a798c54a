using System.Net;
using JitGrains.Gateway.Network;
using JitGrains.GatewayTests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.GatewayTests.Hostile;

/// <summary>From where calls are taken, through the real host with published tables; 127.0.0.1 is a listed proxy and says who calls.</summary>
public sealed class NetworkFilterTests
{
    private const string Policy = """
        version: 1
        realm: dev
        groups: {engineering: {}, managers: {}}
        networks:
          office: [192.0.2.0/24, "2001:db8::/32"]
        network: {deny: [203.0.113.66]}
        apis:
          open: {upstreams: [$UPSTREAM], prefix: /open, actions: {open.any: {methods: [GET], path: "/open/{path*}", binding: action}}}
          american:
            upstreams: [$UPSTREAM]
            prefix: /american
            network: {allow: [office, {country: US}]}
            cors: {origins: ["https://app.example.com"]}
            actions: {american.any: {methods: [GET], path: "/american/{path*}", binding: action}}
          google: {upstreams: [$UPSTREAM], prefix: /google, network: {allow: [{asn: 15169}]}, actions: {google.any: {methods: [GET], path: "/google/{path*}"}}}
          rules: {upstreams: [$UPSTREAM], prefix: /rules, actions: {rules.any: {methods: [GET], path: "/rules/{path*}"}}}
          asks: {upstreams: [$UPSTREAM], prefix: /asks, network: {allow: [office]}, actions: {asks.any: {methods: [GET], path: "/asks/{path*}", binding: action}}}
        rules:
          - {name: open, who: {anyone: true}, actions: {names: [open.any, american.any, google.any, rules.any]}, effect: allow}
          - {name: not-from-the-netherlands, who: {anyone: true}, actions: {names: [rules.any]}, when: {address: {country: [NL]}}, effect: deny}
          - {name: asks, who: {anyone: true}, actions: {names: [asks.any]}, effect: approve, approve: {stages: [{groups: [managers]}]}}
        """;

    [Fact]
    public async Task Calls_are_taken_from_where_policy_says()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await Start(upstream, RealTables.Mmdb, RealTables.Asn4, RealTables.Asn6);
        var token = await gateway.Token("alice");
        foreach (var (path, from, expected) in new[]
        {
            ("/open/x", "203.0.113.1", "200"), ("/open/x", "203.0.113.66", "network-denied"), ("/open/x", "garbage", "network-denied"),
            ("/american/x", "8.8.8.8", "200"), ("/american/x", "2001:4860:4860::8888", "200"), ("/american/x", "192.0.2.7", "200"), ("/american/x", "2001:db8::7", "200"),
            ("/american/x", "193.0.6.139", "network-denied"), ("/american/x", "203.0.113.1", "network-denied"), ("/american/x", "unknown", "network-denied"),
            ("/google/x", "8.8.8.8", "200"), ("/google/x", "193.0.6.139", "network-denied"), ("/google/x", "10.1.1.1", "network-denied"),
            // A rule's condition is unknown where the table does not say: a deny rule counts.
            ("/rules/x", "8.8.8.8", "200"), ("/rules/x", "193.0.6.139", "denied"), ("/rules/x", "10.9.9.9", "denied"), ("/rules/x", "garbage", "network-denied"),
            ("/.jit/whoami", "203.0.113.1", "200"), ("/.jit/whoami", "203.0.113.66", "network-denied"),
            ("/.jit/livez", "203.0.113.66", "200"), ("/.jit/readyz", "garbage", "200"),
        })
        {
            var answer = await gateway.Send("GET", path, token, headers: ("X-Forwarded-For", from));
            Assert.Equal((path, from, expected), (path, from, answer.Problem ?? $"{(int)answer.Status}"));
        }

        Assert.All(upstream.Seen, s => Assert.DoesNotContain("203.0.113.66", s.Headers.GetValueOrDefault("X-Forwarded-For", "?"), StringComparison.Ordinal));
    }

    [Fact]
    public async Task It_comes_before_anybody_is_asked_who_they_are()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await Start(upstream, RealTables.Csv4);
        Assert.Equal("network-denied", (await gateway.Send("GET", "/american/x", "nonsense", headers: ("X-Forwarded-For", "193.0.6.139"))).Problem);
        Assert.Equal("network-denied", (await gateway.Send("GET", "/nothing/here", null, headers: ("X-Forwarded-For", "203.0.113.66"))).Problem);
        Assert.Equal("network-denied", (await gateway.Send("OPTIONS", "/american/x", null, headers: [("X-Forwarded-For", "193.0.6.139"), ("Origin", "https://app.example.com"), ("Access-Control-Request-Method", "GET")])).Problem);
        Assert.Equal(HttpStatusCode.Unauthorized, (await gateway.Send("GET", "/american/x", null, headers: ("X-Forwarded-For", "8.8.8.8"))).Status);
        // What is asked ahead is for calls, and they are not taken from there.
        var alice = await gateway.Token("alice");
        Assert.Equal("network-denied", (await gateway.Send("POST", "/.jit/requests", alice, new { action = "asks.any" }, ("X-Forwarded-For", "8.8.8.8"))).Problem);
        Assert.Equal(HttpStatusCode.Created, (await gateway.Send("POST", "/.jit/requests", alice, new { action = "asks.any" }, ("X-Forwarded-For", "192.0.2.1"))).Status);
    }

    [Fact]
    public async Task A_changed_table_is_taken_and_a_bad_one_is_not()
    {
        await using var upstream = await OrdersUpstream.Start();
        var folder = Directory.CreateTempSubdirectory("jitgrains-test-").FullName;
        var file = Path.Combine(folder, "table.csv");
        await File.WriteAllTextAsync(file, "193.0.0.0/16,NL\n8.8.8.0/24,US\n");
        await using var gateway = await Start(upstream, file);
        var tables = gateway.Services.GetRequiredService<AddressTables>();
        var token = await gateway.Token("alice");
        async Task<string> From(string address)
        {
            var answer = await gateway.Send("GET", "/american/x", token, headers: ("X-Forwarded-For", address));
            return answer.Problem ?? $"{(int)answer.Status}";
        }

        Assert.Equal(("200", "network-denied"), (await From("8.8.8.8"), await From("193.0.6.139")));

        await File.WriteAllTextAsync(file, "193.0.0.0/16,US\n8.8.8.0/24,NL\n\n");
        await Eventually.Holds(() => tables.Current.Find(IPAddress.Parse("8.8.8.8")).Country.ToString() == "NL");
        Assert.Equal(("network-denied", "200"), (await From("8.8.8.8"), await From("193.0.6.139")));

        foreach (var bad in new[] { "193.0.0.0/16,NL\n8.8.8.0/24,United States of America\n", "", "\xAB\xCD\xEFMaxMind.com" })
        {
            await File.WriteAllBytesAsync(file, System.Text.Encoding.Latin1.GetBytes(bad));
            await Eventually.Holds(() => tables.Degraded);
            Assert.Equal(("network-denied", "200"), (await From("8.8.8.8"), await From("193.0.6.139")));
        }

        File.Delete(file);
        await File.WriteAllTextAsync(file, "8.8.8.0/24,US\n");
        await Eventually.Holds(() => !tables.Degraded);
        Assert.Equal(("200", "network-denied"), (await From("8.8.8.8"), await From("193.0.6.139")));
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("1.0.0.0,1.0.0.255,Australia\n", "AddressTables: table.csv: line 1 is no range with a country or a network's number.")]
    [InlineData(null, "AddressTables: Could not find file")]
    public async Task A_start_needs_a_good_one(string? content, string expected)
    {
        await using var upstream = await OrdersUpstream.Start();
        var folder = Directory.CreateTempSubdirectory("jitgrains-test-").FullName;
        var file = Path.Combine(folder, "table.csv");
        if (content is not null)
            await File.WriteAllTextAsync(file, content);
        var failure = await Assert.ThrowsAsync<JitGrains.Silo.StartupException>(() => Start(upstream, file));
        Assert.StartsWith(expected, Assert.Single(failure.Problems), StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    private static Task<GatewayFixture> Start(OrdersUpstream upstream, params string[] tables)
    {
        var settings = tables.Select((t, i) => KeyValuePair.Create($"AddressTables:{i}", t)).ToDictionary(StringComparer.Ordinal);
        (settings["Proxies:0"], settings["AddressTablesPoll"]) = ("127.0.0.1", "00:00:00.05");
        return GatewayFixture.Start(upstream.Address, Policy, settings: settings, args: ["--store", "memory"]);
    }
}
