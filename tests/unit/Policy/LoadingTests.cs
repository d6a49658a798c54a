using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Policy;

namespace JitGrains.UnitTests.Policy;

public class LoadingTests
{
    private const string Api = """
        version: 1
        realm: dev
        groups: {managers: {}}
        apis:
          a:
            upstreams: ["http://127.0.0.1:1"]
            actions: {a.read: {methods: [GET], path: /a}}
        """;

    private const string Rules = """
        version: 1
        rules:
        - {name: r, who: {groups: [managers]}, actions: {names: [a.read]}, effect: allow}
        """;

    [Fact]
    public void Files_of_a_folder_are_one_policy_whatever_order_they_come_in()
    {
        var one = PolicyLoader.Load([new PolicyFile("b.yaml", Rules), new PolicyFile("a.yaml", Api)]);
        var other = PolicyLoader.Load([new PolicyFile("a.yaml", Api), new PolicyFile("b.yaml", Rules)]);
        Assert.Empty(one.Problems);
        Assert.Equal(one.Policy!.Version, other.Policy!.Version);
        Assert.Equal("dev", one.Policy.Realm);
    }

    [Fact]
    public void The_version_tells_any_two_contents_apart()
    {
        string Version(params PolicyFile[] files) => PolicyLoader.Load(files).Policy!.Version;
        var versions = new[]
        {
            Version(new PolicyFile("a.yaml", Api)),
            Version(new PolicyFile("a.yaml", Api + "\n")),
            Version(new PolicyFile("b.yaml", Api)),
            Version(new PolicyFile("a.yaml", Api), new PolicyFile("b.yaml", Rules)),
        };
        Assert.Equal(4, versions.Distinct().Count());
        Assert.All(versions, v => Assert.Matches("^sha256-[0-9a-f]{16}$", v));
    }

    [Fact]
    public void What_is_in_two_files_names_both_places()
    {
        var result = PolicyLoader.Load([
            new PolicyFile("a.yaml", Api + "\n" + Rules["version: 1\n".Length..]),
            new PolicyFile("b.yaml", Rules),
            new PolicyFile("c.yaml", Api.Replace("realm: dev", "realm: prod", StringComparison.Ordinal)),
        ]);
        Assert.Null(result.Policy);
        Assert.Equal(
            [
                "b.yaml:3:10: error: rules[0].name: the rule 'r' is there twice; the first is at a.yaml:9:3",
                "c.yaml:2:8: error: realm: another file has the realm dev (a.yaml:2:8); one policy has one default realm",
                "c.yaml:3:10: error: groups.managers: the group dev:managers is declared twice; the first is at a.yaml:3:10",
                "c.yaml:5:3: error: apis.a: the API 'a' is there twice; the first is at a.yaml:5:3",
            ],
            result.Problems.Select(p => p.ToString()));
    }

    [Fact]
    public void A_policy_without_files_or_apis_is_none()
    {
        Assert.Contains("there is no policy file", PolicyLoader.Load([]).Problems.Single().Message);
        Assert.Contains("the policy has no apis", PolicyLoader.Load([new PolicyFile("a.yaml", "version: 1")]).Problems.Single().Message);
        Assert.Contains("the policy has no apis", PolicyLoader.Load([new PolicyFile("a.yaml", "version: 1\napis: {}")]).Problems.Single().Message);
        Assert.Contains("two files have this name", PolicyLoader.Load([new PolicyFile("a.yaml", Api), new PolicyFile("a.yaml", Api)]).Problems.First().Message);
        Assert.Null(PolicyLoader.Load(Enumerable.Range(0, PolicyLoader.MaxFiles + 1).Select(i => new PolicyFile($"{i}.yaml", Rules)).ToArray()).Policy);
    }

    [Fact]
    public void Everything_has_the_documented_default()
    {
        var action = Given.Policy(Api).Apis.Single().Actions.Single();
        var api = Given.Policy(Api).Apis.Single();
        Assert.Equal(
            (BindingKind.Payload, TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(50), 1024 * 1024, false, false),
            (action.Binding, action.HoldDefault, action.HoldCap, action.BodyLimit, action.Drain, action.NeedsBody));
        Assert.Equal(
            ("/", null, ApiMode.Enforce, false, false, TimeSpan.FromSeconds(100)),
            (api.Prefix, api.Host, api.Mode, api.StrictDialect, api.ForwardAuthorization, api.UpstreamTimeout));
        var terms = Assert.IsType<PolicyDecision.Approve>(Given.Policy(Api + """

            rules:
            - {name: r, who: {anyone: true}, actions: {names: [a.read]}, effect: approve, approve: {stages: [{groups: [managers]}]}}
            """).Decide(Given.Request("GET /a"))).Terms;
        Assert.Equal(
            (1, 1, TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(10), false),
            (terms.DefaultUses, terms.MaxUses, terms.DefaultWindow, terms.MaxWindow, terms.DecideWithin, terms.DenialCooldown, terms.ReasonRequired));
        Assert.Equal(("1", 1, "dev:managers"), (terms.Stages.Single().Name, terms.Stages.Single().Quorum, terms.Stages.Single().Groups.Single()));
    }

    [Theory]
    [InlineData("uses: once", 1, 1)]
    [InlineData("uses: 5", 5, 5)]
    [InlineData("uses: unlimited", null, null)]
    [InlineData("uses: {default: once, max: 3}", 1, 3)]
    [InlineData("uses: {default: 2, max: unlimited}", 2, null)]
    [InlineData("uses: {max: 3}", 3, 3)]
    public void Uses_are_once_a_number_or_unlimited(string uses, int? standard, int? most)
    {
        var terms = Terms(uses);
        Assert.Equal((standard, most), (terms.DefaultUses, terms.MaxUses));
    }

    [Theory]
    [InlineData("window: 1h30m", 5400, 5400)]
    [InlineData("use_within: 90s", 90, 90)]
    [InlineData("window: {default: 5m, max: 1d}", 300, 86400)]
    [InlineData("window: {max: 5m}", 300, 300)]
    [InlineData("window: {max: 1h}", 600, 3600)]
    public void Windows_have_a_default_and_a_maximum(string window, int standard, int most)
    {
        var terms = Terms(window);
        Assert.Equal((standard, most), ((int)terms.DefaultWindow.TotalSeconds, (int)terms.MaxWindow.TotalSeconds));
    }

    private static ApprovalTerms Terms(string line) => Assert.IsType<PolicyDecision.Approve>(Given.Policy($$$"""
        version: 1
        realm: dev
        groups: {managers: {}}
        apis:
          a:
            upstreams: ["http://127.0.0.1:1"]
            actions:
              a.read: {methods: [GET], path: /a, binding: action}
        rules:
        - name: r
          who: {anyone: true}
          actions: {names: [a.read]}
          effect: approve
          approve:
            stages: [{groups: [managers]}]
            {{{line}}}
        """).Decide(Given.Request("GET /a"))).Terms;
}
