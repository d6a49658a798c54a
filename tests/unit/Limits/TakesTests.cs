using System.Net;
using JitGrains.Identity;
using JitGrains.Limits;
using JitGrains.Policy;
using JitGrains.UnitTests.Policy;

namespace JitGrains.UnitTests.Limits;

/// <summary>Limits as policy has them: whom and what they count, which are taken together, and what a reload keeps.</summary>
public class TakesTests
{
    private const string Head = """
        version: 1
        realm: dev
        groups: {g: {}, h: {}}
        apis:
          a: {upstreams: ["http://127.0.0.1:1"], prefix: /a, actions: {a.read: {methods: [GET], path: "/a/{id}", access: read}, a.write: {methods: [PUT], path: "/a/{id}", access: write}}}
          b: {upstreams: ["http://127.0.0.1:1"], prefix: /b, actions: {b.read: {methods: [GET], path: "/b/{id}", access: read}}}
        rules: [{name: all, who: {anyone: true}, actions: {names: ["*"]}, effect: allow}]
        limits:

        """;

    private static readonly Caller Alice = Given.Caller("dev:user:alice", "g");
    private static readonly Caller Bob = Given.Caller("dev:user:bob", "g h");
    private static readonly Caller Bot = Given.Caller("dev:user:alice", "g", "{}", "dev:agent:bot");
    private static readonly IPAddress Here = IPAddress.Parse("192.0.2.1");

    private readonly LimitTakes takes = new();

    private static LimitSet Set(string limits, LimitSet? before = null) => LimitSet.Of(Given.Policy(Head + limits), before, 1024);

    private bool Call(LimitSet set, Caller caller, string api = "a", string action = "a.read", IPAddress? address = null)
    {
        var call = new LimitedCall(address ?? Here, null, api);
        return takes.TryTake(set.BeforeAuthentication, call, 0, out _)
            && takes.TryTake(set.AfterAuthentication(api), call with { Caller = caller }, 0, out _)
            && takes.TryTake(set.AfterMatch(action), call with { Caller = caller, Action = set.Policy.FindAction(action)!.Value.Action }, 0, out _);
    }

    [Fact]
    public void Each_key_has_its_own_budget()
    {
        var principals = Set("  l: {per: principal, window: {most: 1, within: 1h}}\n");
        Assert.True(Call(principals, Alice));
        Assert.False(Call(principals, Bot));
        Assert.True(Call(principals, Bob));

        var actors = Set("  l: {per: [actor], window: {most: 1, within: 1h}}\n");
        Assert.True(Call(actors, Alice));
        Assert.True(Call(actors, Bot));
        Assert.False(Call(actors, Given.Caller("dev:user:carol", "", "{}", "dev:agent:bot")));

        var actions = Set("  l: {per: [principal, action], window: {most: 1, within: 1h}}\n");
        Assert.True(Call(actions, Alice));
        Assert.True(Call(actions, Alice, action: "a.write"));
        Assert.False(Call(actions, Alice));

        var apis = Set("  l: {per: api, window: {most: 1, within: 1h}}\n");
        Assert.True(Call(apis, Alice));
        Assert.False(Call(apis, Bob));
        Assert.True(Call(apis, Bob, "b", "b.read"));

        var all = Set("  l: {window: {most: 1, within: 1h}}\n");
        Assert.True(Call(all, Alice));
        Assert.False(Call(all, Bob, "b", "b.read"));
    }

    [Fact]
    public void A_group_shares_its_budget_and_a_caller_counts_in_all_of_its_groups()
    {
        var set = Set("  l: {per: group, who: {groups: [g, h]}, window: {most: 2, within: 1h}}\n");
        Assert.True(Call(set, Bob));
        Assert.True(Call(set, Alice));
        Assert.False(Call(set, Alice));
        Assert.False(Call(set, Bob));
        // What Bob's other group gave was given back with the refusal.
        Assert.True(Call(set, Given.Caller("dev:user:carol", "h")));
        Assert.False(Call(set, Given.Caller("dev:user:carol", "h")));
        Assert.True(Call(set, Given.Caller("dev:user:dave", "")));
    }

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1", false)]
    [InlineData("192.0.2.1", "192.0.2.2", true)]
    [InlineData("192.0.2.1", "::ffff:192.0.2.1", false)]
    [InlineData("2001:db8:0:1::1", "2001:db8:0:1:ffff::9", false)]
    [InlineData("2001:db8:0:1::1", "2001:db8:0:2::1", true)]
    public void Addresses_are_told_apart_as_clients_have_them(string first, string second, bool apart)
    {
        var set = Set("  l: {per: address, window: {most: 1, within: 1h}}\n");
        Assert.True(Call(set, Alice, address: IPAddress.Parse(first)));
        Assert.Equal(apart, Call(set, Bob, address: IPAddress.Parse(second)));
    }

    [Fact]
    public void Limits_are_about_whom_and_what_they_say()
    {
        var set = Set("  l: {who: {principals: [user:alice]}, apis: [a], actions: {access: [write]}, window: {most: 1, within: 1h}}\n");
        Assert.True(Call(set, Alice, action: "a.write"));
        Assert.True(Call(set, Bob, action: "a.write"));
        Assert.True(Call(set, Alice));
        Assert.True(Call(set, Alice, "b", "b.read"));
        Assert.False(Call(set, Alice, action: "a.write"));
        // Somebody listed who only acts for another may be meant: a limit restricts.
        Assert.False(Call(set, Given.Caller("dev:user:bob", "", "{}", "dev:user:alice"), action: "a.write"));
    }

    [Fact]
    public void Limits_are_taken_all_or_none_and_all_that_refuse_are_named()
    {
        var set = Set("""
              wide: {per: principal, window: {most: 3, within: 1h}}
              narrow: {per: principal, window: {most: 1, within: 1m}}
              third: {bucket: {rate: 1, every: 10s}}

            """);
        Assert.True(Call(set, Alice));
        for (var i = 0; i < 5; i++)
            Assert.False(Call(set, Alice));
        Assert.False(takes.TryTake(set.AfterAuthentication("a"), new LimitedCall(Here, Alice, "a"), 0, out var refused));
        Assert.Equal(["narrow", "third"], refused.Select(r => r.Limit.Definition.Name));
        Assert.Equal(64, RateLimitFields.Seconds(refused[0].Wait));
        Assert.Equal(10, RateLimitFields.Seconds(refused[1].Wait));
        Assert.Equal(
            ("\"narrow\";q=1;w=60, \"third\";q=1;w=10", "\"narrow\";r=0;t=64, \"third\";r=0;t=10"),
            RateLimitFields.Of(refused));
    }

    [Fact]
    public void Places_among_those_at_the_same_time_come_back_once()
    {
        var set = Set("""
              running: {per: principal, concurrent: 1}
              held: {per: principal, concurrent: 2, held: true}

            """);
        Assert.True(Call(set, Alice));
        var other = new LimitTakes();
        Assert.False(other.TryTake(set.AfterAuthentication("a"), new LimitedCall(Here, Alice, "a"), 0, out _));
        takes.Pause();
        Assert.True(other.TryTake(set.AfterAuthentication("a"), new LimitedCall(Here, Alice, "a"), 0, out _));
        Assert.False(takes.TryResume(0, out var refused));
        Assert.Equal("running", Assert.Single(refused).Limit.Definition.Name);
        other.Release();
        other.Release();
        Assert.True(takes.TryResume(0, out _));
        Assert.True(takes.TryResume(0, out _));
        Assert.False(other.TryTake(set.AfterAuthentication("a"), new LimitedCall(Here, Alice, "a"), 0, out _));
        takes.Release();
        Assert.True(other.TryTake(set.AfterAuthentication("a"), new LimitedCall(Here, Alice, "a"), 0, out _));
        other.Release();
        Assert.Empty(set.Look(LimitSubject.Calls, new LimitedCall(Here, Alice, "a"), 0));
    }

    [Fact]
    public void A_reload_keeps_the_counts_of_limits_whose_numbers_are_the_same()
    {
        var before = Set("""
              kept: {per: principal, window: {most: 1, within: 1h}}
              changed: {per: principal, window: {most: 1, within: 1h}}

            """);
        Assert.True(Call(before, Alice));
        var kept = Set("  kept: {per: principal, who: {groups: [g]}, window: {most: 1, within: 1h}}\n", before);
        Assert.False(Call(kept, Alice));
        var changed = Set("  changed: {per: principal, window: {most: 2, within: 1h}}\n", before);
        Assert.True(Call(changed, Alice));
    }

    [Fact]
    public void What_callers_are_told_follows_from_what_is_left()
    {
        var set = Set("  l: {per: principal, bucket: {rate: 10, every: 1s, burst: 20}}\n");
        for (var i = 0; i < 16; i++)
        {
            Assert.True(Call(set, Alice));
            Assert.False(takes.HasNews);
        }

        takes.Release();
        Assert.True(Call(set, Alice));
        Assert.True(takes.HasNews);
        Assert.Equal(("\"l\";q=20;w=2", "\"l\";r=3;t=0"), RateLimitFields.Of(takes.News(0)));
    }

    [Fact]
    public void Taking_limits_of_a_call_allocates_nothing()
    {
        var set = Set("""
              one: {per: address, bucket: {rate: 1000000, every: 1s}}
              two: {per: principal, window: {most: 1000000, within: 1s}}
              three: {per: group, who: {groups: [g, h]}, concurrent: 1000}
              four: {per: [principal, action], bucket: {rate: 1000000, every: 1s}}

            """);
        var read = set.Policy.FindAction("a.read")!.Value.Action;
        Assert.Equal(0, Allocations.Least(Round));

        void Round()
        {
            for (var i = 0; i < 1000; i++)
            {
                var call = new LimitedCall(Here, Bob, "a", read);
                Assert.True(takes.TryTake(set.BeforeAuthentication, call with { Caller = null, Action = null }, i, out _));
                Assert.True(takes.TryTake(set.AfterAuthentication("a"), call with { Action = null }, i, out _));
                Assert.True(takes.TryTake(set.AfterMatch("a.read"), call, i, out _));
                Assert.True(takes.Count == 5);
                takes.Release();
            }
        }
    }
}
