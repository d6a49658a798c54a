using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Policy;

namespace JitGrains.UnitTests.Policy;

/// <summary>Which asks a policy makes, and what a gateway that was taken over might write instead.</summary>
public sealed class CouldAskTests
{
    private const string Text = """
        version: 1
        realm: dev
        groups: {engineering: {}, interns: {}, managers: {}, security: {}}
        apis:
          a:
            upstreams: ["http://127.0.0.1:9"]
            actions:
              a.pay: {methods: [POST], path: "/pay/{id}", access: write, binding: resource}
              a.wipe: {methods: [DELETE], path: "/pay/{id}", binding: action}
        rules:
          - {name: everyone, who: {anyone: true}, actions: {names: [a.pay]}, effect: approve, approve: {stages: [{groups: [managers], quorum: 1}], uses: {default: 2, max: 5}, window: {default: 10m, max: 30m}}}
          - {name: interns, who: {groups: [interns]}, actions: {names: [a.pay]}, effect: approve, approve: {stages: [{groups: [security], quorum: 2}], uses: once}}
          - {name: small, who: {groups: [engineering]}, actions: {names: [a.wipe]}, effect: approve, approve: {auto: {path: {id: {prefix: s}}}, stages: [{groups: [managers], quorum: 2}], uses: once}}
        """;

    private static readonly CompiledPolicy Current = Given.Policy(Text);

    public static TheoryData<string, string> Asks => new()
    {
        { "POST /pay/1", "" },
        { "POST /pay/1", "interns" },
        { "DELETE /pay/1", "engineering" },
        { "DELETE /pay/s1", "engineering" },
    };

    [Theory]
    [MemberData(nameof(Asks))]
    public void What_the_policy_demands_could_be_asked(string call, string groups) => Assert.True(Current.CouldAsk(AskOf(call, groups)));

    [Fact]
    public void Neither_terms_of_its_own_nor_more_than_they_allow()
    {
        var pay = AskOf("POST /pay/1");
        var wipe = AskOf("DELETE /pay/s1", "engineering");
        Assert.True(wipe.Terms.Automatic);
        Ask[] forged =
        [
            With(pay, t => t with { Automatic = true }),
            With(pay, t => t with { Stages = [] }),
            With(pay, t => t with { Stages = [t.Stages[0] with { Quorum = 0 }] }),
            With(pay, t => t with { Stages = [t.Stages[0] with { Groups = ["dev:interns"] }] }),
            With(pay, t => t with { Stages = [t.Stages[0] with { Principals = [new PrincipalId("dev:user:mallory")] }] }),
            With(pay, t => t with { MaxUses = null, DefaultUses = null }),
            With(pay, t => t with { MaxWindow = TimeSpan.FromDays(7) }),
            With(pay, t => t with { DecideWithin = TimeSpan.FromDays(7) }),
            With(pay, t => t with { PolicyVersion = "sha256-0000000000000000" }),
            With(pay, t => t with { Rule = "nobody" }),
            With(pay, t => t with { Rule = "everyone+everyone" }),
            // The rule for everyone is among those of every ask.
            pay with { Terms = RuleAlone("interns") },
            With(AskOf("POST /pay/1", "interns"), t => t with { Stages = [t.Stages[0]] }),
            pay with { Uses = 6 },
            pay with { Uses = 0 },
            pay with { Uses = null },
            pay with { Window = TimeSpan.FromMinutes(31) },
            pay with { Window = TimeSpan.Zero },
            pay with { Binding = BindingKind.Action },
            pay with { PayloadDigest = "digest" },
            pay with { Access = "read" },
            pay with { Api = "b" },
            pay with { Action = "a.wipe" },
            wipe with { Action = "a.pay", Binding = BindingKind.Resource, Access = "write" },
        ];
        Assert.All(forged, ask => Assert.False(Current.CouldAsk(ask)));
    }

    private static Ask With(Ask ask, Func<ApprovalTerms, ApprovalTerms> change) => ask with { Terms = change(ask.Terms) };

    private static ApprovalTerms RuleAlone(string rule)
    {
        var other = Given.Policy(Text.Replace("- {name: everyone,", "- {name: other,", StringComparison.Ordinal).Replace("who: {anyone: true}", "who: {groups: [security]}", StringComparison.Ordinal));
        var terms = Assert.IsType<PolicyDecision.Approve>(other.Decide(Given.Request("POST /pay/1"), Given.Caller(groups: "interns"))).Terms;
        Assert.Equal(rule, terms.Rule);
        return terms with { PolicyVersion = Current.Version };
    }

    /// <summary>As a gateway makes it.</summary>
    private static Ask AskOf(string call, string groups = "")
    {
        var request = Given.Request(call);
        var found = Assert.IsType<ActionMatch.Found>(Current.Match(request, null));
        var terms = Assert.IsType<PolicyDecision.Approve>(Current.Decide(request, Given.Caller(groups: groups))).Terms;
        return TestSupport.Sample.Ask() with
        {
            Api = found.Api.Name,
            Action = found.Action.Name,
            Access = found.Action.Access,
            Sensitivity = found.Action.Sensitivity,
            Binding = found.Action.Binding,
            PayloadDigest = null,
            Resource = found.Resource,
            Terms = terms,
            Uses = terms.DefaultUses,
            Window = terms.DefaultWindow,
        };
    }
}
