using JitGrains.Policy;
using JitGrains.Policy.Evaluation;

namespace JitGrains.UnitTests.Policy;

public class MatchingTests
{
    private static CompiledPolicy Policy() => Given.Policy(Files.Read("tests/unit/Policy/Data/matching.policy.yaml"));

    [Theory]
    [InlineData("GET /orders/42/items/7", "order=42&item=7")]
    [InlineData("GET /orders/a%26b/items/%C3%BC=1", "order=a%26b&item=%C3%BC%3D1")]
    [InlineData("GET /orders/archive/2025/q1%20x", "path=2025%2Fq1%20x")]
    [InlineData("GET /orders", "")]
    [InlineData("GET /files/a%2Fb", "name=a%252Fb")]
    public void The_resource_is_what_the_template_captured_in_its_order(string line, string resource)
    {
        var found = Assert.IsType<ActionMatch.Found>(Policy().Match(Given.Request(line), null));
        Assert.Equal(resource, found.Resource);
    }

    [Fact]
    public void Captures_are_decoded_except_where_the_action_takes_them_as_sent()
    {
        var policy = Policy();
        var order = Assert.IsType<ActionMatch.Found>(policy.Match(Given.Request("GET /orders/a%26b"), null));
        Assert.Equal("a&b", order.Captures["order"]);
        var file = Assert.IsType<ActionMatch.Found>(policy.Match(Given.Request("GET /files/a%2Fb%20c"), null));
        Assert.Equal("a%2Fb%20c", file.Captures["name"]);
    }

    [Fact]
    public void A_host_that_nobody_serves_is_told_from_a_path_that_nobody_has()
    {
        var policy = Given.Policy("""
            version: 1
            apis: {a: {upstreams: ["http://127.0.0.1:1"], host: a.example.com, prefix: /a, actions: {a.read: {methods: [GET], path: /a/x}}}}
            """);
        Assert.Equal(new ActionMatch.NoApi(UnknownHost: true), policy.Match(Given.Request("GET /a/x", "b.example.com"), null));
        Assert.Equal(new ActionMatch.NoApi(UnknownHost: false), policy.Match(Given.Request("GET /b", "a.example.com"), null));
        Assert.IsType<ActionMatch.NoAction>(policy.Match(Given.Request("GET /a/y", "a.example.com"), null));
    }

    [Theory]
    [InlineData("https", "a.example.com", true)]
    [InlineData("https", "a.example.com:443", true)]
    [InlineData("http", "a.example.com:443", true)]
    [InlineData("http", "a.example.com", false)]
    [InlineData("https", "a.example.com:444", false)]
    public void A_port_in_the_policy_is_the_port_that_calls_must_name(string scheme, string host, bool served)
    {
        var policy = Given.Policy("""
            version: 1
            apis: {a: {upstreams: ["http://127.0.0.1:1"], host: "a.example.com:443", actions: {a.read: {methods: [GET], path: /a}}}}
            """);
        Assert.Equal(served, policy.Match(Given.Request("GET /a", host, scheme), null) is ActionMatch.Found);
    }

    [Theory]
    [InlineData("POST /q", true, 1 << 20)]
    [InlineData("POST /q/run", false, 1 << 20)]
    [InlineData("GET /orders/42", false, 1 << 20)]
    [InlineData("GET /nowhere", false, 0)]
    public void The_outline_says_whether_the_body_must_be_read_first(string line, bool needsBody, long limit)
    {
        var outline = Policy().Outline(Given.Request(line));
        Assert.Equal((needsBody, limit), (outline.NeedsBody, outline.BodyLimit));
    }

    [Fact]
    public void A_body_condition_of_a_rule_or_of_a_competing_action_makes_the_body_needed()
    {
        var policy = Given.Policy("""
            version: 1
            realm: dev
            groups: {managers: {}}
            apis:
              a:
                upstreams: ["http://127.0.0.1:1"]
                actions:
                  a.plain: {methods: [POST], path: "/a/{x}", body_limit: 1KiB}
                  a.told: {methods: [POST], path: "/a/{x}", when: {body: {k: 1}}, body_limit: 2KiB}
                  a.put: {methods: [PUT], path: "/a/{x}"}
                  a.ruled: {methods: [PATCH], path: "/a/{x}"}
                  a.auto: {methods: [DELETE], path: "/a/{x}"}
            rules:
            - {name: r, who: {anyone: true}, actions: {names: [a.ruled]}, when: {body: {k: 1}}, effect: allow}
            - {name: s, who: {anyone: true}, actions: {names: [a.auto]}, effect: approve, approve: {stages: [{groups: [managers]}], auto: {body: {k: 1}}}}
            """);
        Assert.Equal(
            ["a.plain", "a.told", "a.ruled", "a.auto"],
            policy.Apis.Single().Actions.Where(a => a.NeedsBody).Select(a => a.Name).OrderBy(n => Array.IndexOf(["a.plain", "a.told", "a.ruled", "a.auto"], n)));
        Assert.Equal(2048, policy.Outline(Given.Request("POST /a/1")).BodyLimit);
    }

    [Theory]
    [InlineData("order", "42", "order=42")]
    [InlineData("order", "a b&c", "order=a%20b%26c")]
    public void A_resource_asked_for_ahead_is_the_one_that_a_call_has(string name, string value, string resource)
    {
        var policy = Policy();
        var action = policy.FindAction("orders.read")!.Value.Action;
        Assert.True(policy.TryMakeResource(action, new Dictionary<string, string> { [name] = value }, out var captures, out var made, out _));
        Assert.Equal(resource, made);
        var called = Assert.IsType<ActionMatch.Found>(policy.Match(Given.Request($"GET /orders/{Uri.EscapeDataString(value)}"), null));
        Assert.Equal((called.Resource, called.Captures["order"]), (made, captures["order"]));
    }

    [Theory]
    [InlineData("orders.read", "")]
    [InlineData("orders.read", "item=1")]
    [InlineData("orders.read", "order=1,item=2")]
    [InlineData("orders.read", "order=")]
    [InlineData("orders.read", "order=..")]
    [InlineData("orders.read", "order=a/b")]
    [InlineData("orders.read", "order=a%2Fb")]
    [InlineData("orders.read", "order=a\\b")]
    [InlineData("orders.read", "order=a\nb")]
    [InlineData("orders.list", "order=1")]
    [InlineData("orders.archive", "path=a//b")]
    [InlineData("orders.archive", "path=a/../b")]
    public void A_resource_that_no_call_can_have_cannot_be_asked_for(string name, string values)
    {
        var policy = Policy();
        var given = values.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(v => v.Split('=', 2)).ToDictionary(v => v[0], v => v[1]);
        Assert.False(policy.TryMakeResource(policy.FindAction(name)!.Value.Action, given, out _, out _, out var problem));
        Assert.NotEmpty(problem);
    }

    [Theory]
    [InlineData("*", "anything", true)]
    [InlineData("orders.*", "orders.read", true)]
    [InlineData("orders.*", "orders.", true)]
    [InlineData("orders.*", "orders", false)]
    [InlineData("*.read", "orders.read", true)]
    [InlineData("*.read", "orders.reads", false)]
    [InlineData("o*s.r*d", "orders.read", true)]
    [InlineData("a*a", "a", false)]
    [InlineData("a*a", "aa", true)]
    [InlineData("a*b*c", "acb", false)]
    [InlineData("a*b*b", "ab", false)]
    [InlineData("orders.read", "orders.Read", false)]
    public void Action_names_may_have_stars(string pattern, string name, bool fits) =>
        Assert.Equal(fits, ActionSelector.NameFits(pattern, name));
}
