using System.Net;
using JitGrains.Network;
using JitGrains.Policy;

namespace JitGrains.UnitTests.Policy;

/// <summary>Filters and conditions by where a call comes from, in all three values.</summary>
public sealed class NetworkTests
{
    private const string Networks = """
        networks:
          office: [198.51.100.0/24, "2001:db8:1::/48"]
          exits: [198.51.100.66, 203.0.113.0/25]
        """;

    /// <summary>What stands in <c>address</c>; the origin as address, country and number, <c>-</c> for unknown; whether the condition holds.</summary>
    public static TheoryData<string, string, Truth> Conditions() => new()
    {
        { "[office]", "198.51.100.7 - -", Truth.True },
        { "[office]", "2001:db8:1::7 - -", Truth.True },
        { "[office]", "192.0.2.1 - -", Truth.False },
        { "[office]", "- - -", Truth.Unknown },
        { "[office, 192.0.2.0/24]", "192.0.2.1 - -", Truth.True },
        { "{in: [office], not: [exits]}", "198.51.100.66 - -", Truth.False },
        { "{in: [office], not: [exits]}", "198.51.100.65 - -", Truth.True },
        { "{not: [exits]}", "192.0.2.1 - -", Truth.True },
        { "{not: [exits]}", "- - -", Truth.Unknown },
        { "{country: DE}", "192.0.2.1 DE -", Truth.True },
        { "{country: [DE, AT]}", "192.0.2.1 AT -", Truth.True },
        { "{country: [DE, AT]}", "192.0.2.1 FR -", Truth.False },
        { "{country: [DE, AT]}", "192.0.2.1 - -", Truth.Unknown },
        { "{country: [DE, AT]}", "- - -", Truth.Unknown },
        { "{country: NO}", "192.0.2.1 NO -", Truth.True },
        { "{country: {not: [KP]}}", "192.0.2.1 DE -", Truth.True },
        { "{country: {not: [KP]}}", "192.0.2.1 KP -", Truth.False },
        { "{country: {not: [KP]}}", "192.0.2.1 - -", Truth.Unknown },
        { "{asn: 64500}", "192.0.2.1 - 64500", Truth.True },
        { "{asn: AS64500}", "192.0.2.1 - 64500", Truth.True },
        { "{asn: [64500, 4294967295]}", "192.0.2.1 - 4294967295", Truth.True },
        { "{asn: [64500]}", "192.0.2.1 - 64501", Truth.False },
        { "{asn: [64500]}", "192.0.2.1 DE -", Truth.Unknown },
        { "{asn: {in: [64500, 64501], not: [64501]}}", "192.0.2.1 - 64501", Truth.False },
        // A part that is certainly false decides, an unknown one comes next.
        { "{in: [office], country: DE}", "192.0.2.1 - -", Truth.False },
        { "{in: [office], country: DE}", "198.51.100.7 - -", Truth.Unknown },
        { "{in: [office], country: DE}", "198.51.100.7 FR -", Truth.False },
        { "{country: DE, asn: 64500}", "192.0.2.1 - 64501", Truth.False },
    };

    [Theory]
    [MemberData(nameof(Conditions))]
    public void A_condition_holds_does_not_or_is_unknown(string address, string origin, Truth expected)
    {
        var policy = Given.Policy(Policy($"when: {{address: {address}}}"));
        var request = Given.Request("GET /orders/1", "api.example.com");
        var found = Assert.IsType<ActionMatch.Found>(policy.Match(request, null));
        var input = policy.Input(found, request, Given.Caller(), origin: Origin(origin));
        Assert.Equal(expected, policy.Explain(input).Rules.Single().When);
        // Unknown counts against the caller, whatever the effect.
        Assert.Equal(expected == Truth.True, policy.Evaluate(input) is PolicyDecision.Allow);
        var denying = Given.Policy(Policy($"when: {{address: {address}}}", "deny"));
        Assert.Equal(expected == Truth.False ? "open" : "near", denying.Evaluate(denying.Input(found, request, Given.Caller(), origin: Origin(origin))).Rule);
    }

    public static TheoryData<string, string, bool> Filters() => new()
    {
        { "{allow: [office]}", "198.51.100.7 - -", true },
        { "{allow: [office]}", "192.0.2.1 - -", false },
        { "{allow: [office]}", "- - -", false },
        { "{deny: [exits]}", "203.0.113.7 - -", false },
        { "{deny: [exits]}", "203.0.113.200 - -", true },
        { "{deny: [exits]}", "- - -", false },
        { "{deny: [exits], allow: [office]}", "198.51.100.66 - -", false },
        { "{deny: [exits], allow: [office]}", "198.51.100.67 - -", true },
        { "{allow: [office, 10.0.0.0/8, {country: [DE]}]}", "10.1.2.3 - -", true },
        { "{allow: [office, 10.0.0.0/8, {country: [DE]}]}", "192.0.2.1 DE -", true },
        { "{allow: [office, 10.0.0.0/8, {country: [DE]}]}", "192.0.2.1 FR -", false },
        { "{allow: [office, 10.0.0.0/8, {country: [DE]}]}", "192.0.2.1 - -", false },
        { "{deny: [{country: [KP]}]}", "192.0.2.1 DE -", true },
        { "{deny: [{country: [KP]}]}", "192.0.2.1 - -", false },
        { "{deny: [{country: [KP], not: [office]}]}", "198.51.100.7 - -", true },
        { "{deny: [{asn: [64500]}, exits]}", "192.0.2.1 - 64500", false },
        { "{deny: [{asn: [64500]}, exits]}", "192.0.2.1 - 64501", true },
        { "{allow: [{country: DE, asn: 64500}]}", "192.0.2.1 DE 64501", false },
        { "{allow: [\"::/0\"]}", "192.0.2.1 - -", false },
        { "{allow: [\"0.0.0.0/0\"]}", "192.0.2.1 - -", true },
    };

    [Theory]
    [MemberData(nameof(Filters))]
    public void A_filter_admits_or_does_not(string filter, string origin, bool expected)
    {
        var everywhere = Given.Policy(Policy("", top: $"network: {filter}"));
        Assert.Equal(expected, everywhere.Admits(null, Origin(origin)));
        Assert.Equal(expected, everywhere.Admits(everywhere.Apis[0], Origin(origin)));
        var here = Given.Policy(Policy("", api: $"network: {filter}"));
        Assert.True(here.Admits(null, Origin(origin)));
        Assert.Equal(expected, here.Admits(here.Apis[0], Origin(origin)));
    }

    [Fact]
    public void Both_filters_must_admit()
    {
        var policy = Given.Policy(Policy("", top: "network: {deny: [exits]}", api: "network: {allow: [office]}"));
        Assert.False(policy.Admits(policy.Apis[0], Origin("198.51.100.66 - -")));
        Assert.False(policy.Admits(policy.Apis[0], Origin("192.0.2.1 - -")));
        Assert.True(policy.Admits(policy.Apis[0], Origin("198.51.100.1 - -")));
    }

    [Fact]
    public void Asking_a_filter_allocates_nothing()
    {
        var policy = Given.Policy(Policy("", top: "network: {deny: [exits, {country: [KP]}], allow: [office, {asn: [64500, 64501]}]}"));
        var origin = Origin("192.0.2.1 DE 64501");
        Assert.True(policy.Admits(null, origin));
        var refused = 0;
        var bytes = Allocations.Least(() =>
        {
            for (var i = 0; i < 1000; i++)
                refused += policy.Admits(policy.Apis[0], origin) ? 0 : 1;
        });
        Assert.Equal((0, 0L), (refused, bytes));
    }

    [Fact]
    public void A_policy_has_one_filter_of_its_own()
    {
        var result = PolicyLoader.Load([new PolicyFile("a.yaml", Policy("", top: "network: {deny: [exits]}")), new PolicyFile("b.yaml", "version: 1\nnetwork: {allow: [office]}\n")]);
        Assert.Equal("b.yaml:2:10: error: network: another file says from where calls are taken (a.yaml:7:10); one policy has one filter", Assert.Single(result.Problems).ToString());
    }

    private static CallOrigin Origin(string text)
    {
        var parts = text.Split(' ');
        Assert.True(CountryCode.TryParse(parts[1] == "-" ? "ZZ" : parts[1], out var country));
        return new CallOrigin(parts[0] == "-" ? null : IPAddress.Parse(parts[0]), country, parts[2] == "-" ? 0 : uint.Parse(parts[2]));
    }

    private static string Policy(string when, string effect = "allow", string top = "", string api = "") => $$$"""
        version: 1
        realm: dev
        {{{Networks}}}
        groups: {engineering: {}}
        {{{top}}}
        apis:
          orders:
            upstreams: ["http://127.0.0.1:8082"]
            {{{api}}}
            actions: {orders.read: {methods: [GET], path: "/orders/{order}"}}
        rules:
          - {name: near, who: {anyone: true}, actions: {names: ["*"]}, effect: {{{effect}}}{{{(when.Length == 0 ? "" : ", " + when)}}}}
        {{{(effect == "deny" ? Open : "")}}}
        """;

    private const string Open = "  - {name: open, who: {anyone: true}, actions: {names: [\"*\"]}, effect: allow}";
}
