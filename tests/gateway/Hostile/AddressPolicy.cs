using System.Net.Http.Headers;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Hostile;

/// <summary>What depends on where a call comes from, in as few words as possible.</summary>
internal static class AddressPolicy
{
    /// <summary>Anything may pass under <c>/open</c>; <c>/near</c> is for 192.0.2.0/24 and 2001:db8::/32; of <c>/read</c> the body is read to decide.</summary>
    public const string Text = """
        version: 1
        realm: dev
        groups: {engineering: {}}
        apis:
          open:
            upstreams: [$UPSTREAM]
            prefix: /open
            actions:
              open.any: {methods: [GET, POST], path: "/open/{path*}", access: read}
          near:
            upstreams: [$UPSTREAM]
            prefix: /near
            actions:
              near.any: {methods: [GET, POST], path: "/near/{path*}", access: read}
          read:
            upstreams: [$UPSTREAM]
            prefix: /read
            actions:
              read.any: {methods: [POST], path: "/read/{path*}", access: read, body_limit: 4MiB}
        rules:
          - {name: read, who: {groups: [engineering]}, actions: {names: [read.any]}, when: {body: {a: {exists: false}}}, effect: allow}
          - {name: open, who: {groups: [engineering]}, actions: {names: [open.any]}, effect: allow}
          - {name: near, who: {groups: [engineering]}, actions: {names: [near.any]}, when: {address: [192.0.2.0/24, "2001:db8::/32"]}, effect: allow}
        """;

    public static Task<GatewayFixture> Start(OrdersUpstream upstream, params (string Name, string Value)[] settings) =>
        GatewayFixture.Start(upstream.Address, Text, settings: settings.ToDictionary(s => s.Name, s => s.Value, StringComparer.Ordinal), args: ["--store", "memory"]);

    public static string Bearer(string token) => $"Authorization: {new AuthenticationHeaderValue("Bearer", token)}";
}
