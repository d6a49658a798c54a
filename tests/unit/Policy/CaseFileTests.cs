using JitGrains.Policy;

namespace JitGrains.UnitTests.Policy;

public class CaseFileTests
{
    private static PolicyCasesLoadResult Load(string text) => PolicyCases.Load(new PolicyFile("cases.yaml", text), "dev", Given.Noon);

    [Fact]
    public void Everything_wrong_with_a_file_of_cases_is_reported_at_once_and_in_its_place()
    {
        var result = Load("""
            cases:
              - name: one
                as: alice
                request: GET
                expect: maybe
              - name: two
                as: user:alice
                request: GET /x
                expect: allow
                colour: red
                at: yesterday
                address: here
                claims: [a]
              - name: three
                expect: allow
              - {name: four, as: user:alice, request: GET /x, expect: deny}
              - {name: four, as: user:alice, request: GET /x, expect: deny}
            """);
        Assert.Empty(result.Cases);
        Assert.Equal([3, 4, 5, 10, 11, 12, 13, 14, 14, 17], result.Problems.Select(p => p.Line));
    }

    [Theory]
    [InlineData("")]
    [InlineData("cases: []")]
    [InlineData("- a")]
    [InlineData("cases: [[]]")]
    public void A_file_without_cases_is_an_error(string text) => Assert.NotEmpty(Load(text).Problems);

    [Fact]
    public void A_case_fails_on_another_outcome_rule_automatic_approval_or_refusal_and_says_what_came()
    {
        var policy = Given.Policy("""
            version: 1
            realm: dev
            groups: {m: {}}
            apis: {a: {upstreams: ["http://127.0.0.1:1"], host: a.example.com, actions: {a.read: {methods: [GET], path: /a}, a.pay: {methods: [POST], path: /a}}}}
            rules:
            - {name: reads, who: {anyone: true}, actions: {names: [a.read]}, effect: allow}
            - {name: pays, who: {anyone: true}, actions: {names: [a.pay]}, effect: approve, approve: {stages: [{groups: [m]}], auto: {body: {n: 1}}}}
            """);
        var cases = Load("""
            cases:
              - {name: outcome, as: user:alice, request: GET http://a.example.com/a, expect: deny}
              - {name: rule, as: user:alice, request: GET http://a.example.com/a, expect: allow, rule: other}
              - {name: automatic, as: user:alice, request: POST http://a.example.com/a, body: {n: 1}, expect: approve, automatic: false}
              - {name: refusal, as: user:alice, request: GET http://a.example.com/A, expect: deny, refusal: encoded-slash}
              - {name: host, as: user:alice, request: GET /a, host: b.example.com, expect: allow}
              - {name: action, as: user:alice, request: GET http://a.example.com/b, expect: allow}
              - {name: canonical, as: user:alice, request: GET http://a.example.com//a, expect: allow}
              - {name: right, as: user:alice, request: GET http://a.example.com/a, expect: allow, rule: reads, automatic: false}
            """);
        Assert.Empty(cases.Problems);
        Assert.Equal(
            [
                "outcome False allow by reads",
                "rule False allow by reads",
                "automatic False automatic approve by pays",
                "refusal False deny (confusable-target)",
                "host False deny (unknown host)",
                "action False deny (no action)",
                "canonical False deny (empty-segment)",
                "right True allow by reads",
            ],
            PolicyCaseRunner.Run(policy, cases.Cases).Select(r => $"{r.Case.Name} {r.Passed} {r.Actual}"));
    }

    [Theory]
    [InlineData("GET /x?y=1", "http", "localhost", "/x?y=1")]
    [InlineData("GET https://a.example.com:8443/x?y=1", "https", "a.example.com:8443", "/x?y=1")]
    [InlineData("GET http://a.example.com", "http", "a.example.com", "/")]
    [InlineData("GET http://a.example.com?y=http://b/c", "http", "a.example.com", "/?y=http://b/c")]
    [InlineData("GET /x?y=http://b/c", "http", "localhost", "/x?y=http://b/c")]
    [InlineData("GET", null, null, null)]
    [InlineData("GET  /x", null, null, null)]
    [InlineData("GET x", null, null, null)]
    [InlineData("GET ftp://a/x", null, null, null)]
    [InlineData("GET /x y", null, null, null)]
    public void A_request_is_a_method_and_a_path_or_url(string line, string? scheme, string? host, string? target)
    {
        var request = PolicyProbe.TryReadRequest(line);
        Assert.Equal((scheme, host, target), (request?.Scheme, request?.Headers[0].Value, request?.Target));
    }
}
