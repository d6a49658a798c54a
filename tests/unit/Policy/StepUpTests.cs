using JitGrains.Identity;
using JitGrains.Policy;

namespace JitGrains.UnitTests.Policy;

/// <summary>What rules demand of a caller's sign-in.</summary>
public sealed class StepUpTests
{
    private const string Head = """
        version: 1
        realm: dev
        groups: {managers: {}}
        apis:
          a:
            upstreams: ["http://127.0.0.1:1"]
            actions:
              a.pay: {methods: [POST], path: "/pay/{id}", binding: action}

        rules:

        """;

    private const string Plain = "- {name: plain, who: {groups: [managers]}, actions: {names: [a.pay]}, effect: allow}\n";
    private const string Strong = "- {name: strong, who: {anyone: true}, actions: {names: [a.pay]}, effect: allow, sign_in: {max_age: 10m, acr: [gold, platinum], amr: [mfa, hwk]}}\n";
    private const string Asked = "- {name: asked, who: {anyone: true}, actions: {names: [a.pay]}, effect: approve, sign_in: {amr: [mfa]}, approve: {stages: [{groups: [managers]}]}}\n";
    private const string AskedToo = "- {name: asked-too, who: {anyone: true}, actions: {names: [a.pay]}, effect: approve, approve: {stages: [{groups: [managers]}]}}\n";
    private const string Never = "- {name: never, who: {groups: [managers]}, actions: {names: [a.pay]}, effect: deny}\n";

    private static readonly long Noon = Given.Noon.ToUnixTimeSeconds();

    /// <summary>What claims of a sign-in at noon are worth to the rule <c>strong</c>: what is missing or of another form satisfies nothing.</summary>
    public static TheoryData<string, string, bool> Claims => new()
    {
        { "all of it", $$"""{"auth_time": {{Noon - 60}}, "acr": "gold", "amr": ["pwd", "mfa"]}""", true },
        { "the other values", $$"""{"auth_time": {{Noon}}, "acr": "platinum", "amr": ["hwk"]}""", true },
        { "just in time", $$"""{"auth_time": {{Noon - 600}}, "acr": "gold", "amr": ["mfa"]}""", true },
        { "a second too late", $$"""{"auth_time": {{Noon - 601}}, "acr": "gold", "amr": ["mfa"]}""", false },
        { "a clock that is ahead", $$"""{"auth_time": {{Noon + 200}}, "acr": "gold", "amr": ["mfa"]}""", true },
        { "a sign-in of the future", $$"""{"auth_time": {{Noon + 3600}}, "acr": "gold", "amr": ["mfa"]}""", false },
        { "no time", """{"acr": "gold", "amr": ["mfa"]}""", false },
        { "a time that is text", $$"""{"auth_time": "{{Noon}}", "acr": "gold", "amr": ["mfa"]}""", false },
        { "iat in its place", $$"""{"iat": {{Noon}}, "acr": "gold", "amr": ["mfa"]}""", false },
        { "no class", $$"""{"auth_time": {{Noon}}, "amr": ["mfa"]}""", false },
        { "another class", $$"""{"auth_time": {{Noon}}, "acr": "silver", "amr": ["mfa"]}""", false },
        { "the class in another case", $$"""{"auth_time": {{Noon}}, "acr": "Gold", "amr": ["mfa"]}""", false },
        { "a list of classes", $$"""{"auth_time": {{Noon}}, "acr": ["gold"], "amr": ["mfa"]}""", false },
        { "no methods", $$"""{"auth_time": {{Noon}}, "acr": "gold"}""", false },
        { "other methods", $$"""{"auth_time": {{Noon}}, "acr": "gold", "amr": ["pwd"]}""", false },
        { "a method that is no list", $$"""{"auth_time": {{Noon}}, "acr": "gold", "amr": "mfa"}""", false },
        { "a number among the methods", $$"""{"auth_time": {{Noon}}, "acr": "gold", "amr": ["mfa", 1]}""", false },
        { "nothing at all", "{}", false },
    };

    [Theory]
    [MemberData(nameof(Claims))]
    public void What_claims_are_worth(string what, string claims, bool enough)
    {
        Assert.NotEmpty(what);
        var decision = Decide(Strong, claims);
        if (enough)
        {
            Assert.Equal(new PolicyDecision.Allow("strong"), decision);
            return;
        }

        var refused = Assert.IsType<PolicyDecision.Deny>(decision);
        Assert.Equal("strong", refused.Rule);
        Assert.Equal((600, "gold platinum", "mfa hwk"), (refused.SignIn!.MaxAgeSeconds, string.Join(' ', refused.SignIn.Acr), string.Join(' ', refused.SignIn.Amr)));
    }

    [Fact]
    public void A_rule_that_needs_no_sign_in_lets_through_what_another_would_only_after_one()
    {
        Assert.Equal(new PolicyDecision.Allow("plain"), Decide(Strong + Plain, "{}", "managers"));
        Assert.NotNull(Assert.IsType<PolicyDecision.Deny>(Decide(Strong + Plain, "{}")).SignIn);
    }

    [Fact]
    public void A_denial_is_no_challenge()
    {
        Assert.Equal(new PolicyDecision.Deny("never"), Decide(Strong + Never, "{}", "managers"));
        Assert.Equal(new PolicyDecision.Deny(null), Decide(Plain, "{}"));
    }

    [Fact]
    public void Where_several_rules_demand_approval_each_ones_sign_in_is_needed_and_another_rule_does_not_make_it_easier()
    {
        Assert.NotNull(Assert.IsType<PolicyDecision.Deny>(Decide(Asked, "{}")).SignIn);
        Assert.NotNull(Assert.IsType<PolicyDecision.Deny>(Decide(AskedToo + Asked, "{}")).SignIn);
        Assert.NotNull(Assert.IsType<PolicyDecision.Deny>(Decide(Plain + Asked, "{}", "managers")).SignIn);
        Assert.Equal("asked-too+asked", Assert.IsType<PolicyDecision.Approve>(Decide(AskedToo + Asked, """{"amr": ["mfa"]}""")).Rule);
    }

    [Fact]
    public void Stages_of_the_same_voters_are_joined_only_where_they_demand_the_same_sign_in()
    {
        var other = AskedToo.Replace("asked-too", "third", StringComparison.Ordinal).Replace("{groups: [managers]}]", "{groups: [managers], sign_in: {amr: [mfa]}}]", StringComparison.Ordinal);
        var same = AskedToo.Replace("asked-too", "fourth", StringComparison.Ordinal);
        Assert.Single(Assert.IsType<PolicyDecision.Approve>(Decide(AskedToo + same, "{}")).Terms.Stages);
        Assert.Equal([null, "mfa"], Assert.IsType<PolicyDecision.Approve>(Decide(AskedToo + other + same, "{}")).Terms.Stages.Select(s => s.SignIn?.Amr.Single()));
    }

    [Fact]
    public void An_explanation_says_that_the_sign_in_is_what_is_missing()
    {
        var policy = Given.Policy(Head + Strong);
        var request = Given.Request("POST /pay/1");
        var found = Assert.IsType<ActionMatch.Found>(policy.Match(request, null));
        var rule = Assert.Single(policy.Explain(policy.Input(found, request, Given.Caller())).Rules);
        Assert.False(rule.Applied);
        Assert.Equal(new ConditionExplanation("sign_in", "at most 600 s ago, acr one of gold platinum, amr one of mfa hwk", Truth.False, null), Assert.Single(rule.Conditions));
    }

    private static PolicyDecision Decide(string rules, string claims, string groups = "") =>
        Given.Policy(Head + rules).Decide(Given.Request("POST /pay/1"), Given.Caller(groups: groups, claims: claims));
}
