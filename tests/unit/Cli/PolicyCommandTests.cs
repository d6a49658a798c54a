using System.Text.Json;
using JitGrains.Cli;

namespace JitGrains.UnitTests.Cli;

/// <summary>Policy commands that need no server.</summary>
public sealed class PolicyCommandTests : IDisposable
{
    private const string Good = """
        version: 1
        realm: dev
        groups:
          engineering: {}
          managers: {}
        apis:
          orders:
            upstreams: ["http://127.0.0.1:1"]
            actions:
              orders.read: {methods: [GET], path: "/orders/{order}"}
              orders.refund: {methods: [POST], path: "/orders/{order}/refunds"}
        rules:
          - {name: read, who: {groups: [engineering]}, actions: {names: [orders.read]}, effect: allow}
          - name: refunds
            who: {groups: [engineering]}
            actions: {names: [orders.refund]}
            when: {body: {amount: {at_least: 10}}}
            effect: approve
            approve: {stages: [{groups: [managers]}]}
        """;

    private readonly JitRun jit = new();

    public void Dispose() => jit.Dispose();

    [Fact]
    public async Task Check_of_a_valid_policy()
    {
        jit.Write("p.yaml", Good);
        Assert.Equal(ExitCodes.Ok, await jit.Run("policy", "check", "p.yaml"));
        Assert.Equal("", jit.Out);
        Assert.Matches("^p.yaml is valid: sha256-[0-9a-f]{16}, 1 APIs, 2 actions.\n$", jit.Error);
    }

    [Fact]
    public async Task Check_prints_every_problem_with_its_place_under_the_path_as_typed()
    {
        Directory.CreateDirectory(Path.Combine(jit.Folder, "conf"));
        jit.Write("conf/p.yaml", Good.Replace("effect: allow", "effect: alow").Replace("methods: [POST]", "metods: [POST]"));
        Assert.Equal(ExitCodes.Refused, await jit.Run("policy", "check", "conf/p.yaml"));
        Assert.True(jit.OutLines.Length >= 2, jit.Out);
        Assert.All(jit.OutLines, line => Assert.Matches(@"^conf/p\.yaml:\d+:\d+: (error|warning): .", line));
        Assert.Contains(jit.OutLines, line => line.StartsWith("conf/p.yaml:11:", StringComparison.Ordinal));
        Assert.Contains(jit.OutLines, line => line.StartsWith("conf/p.yaml:13:", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_folder_is_one_policy_of_its_yaml_files()
    {
        var halves = Good.Split("rules:");
        Directory.CreateDirectory(Path.Combine(jit.Folder, "conf"));
        jit.Write("conf/a.yaml", halves[0]);
        jit.Write("conf/b.yml", "version: 1\nrules:" + halves[1]);
        jit.Write("conf/notes.txt", "{not yaml");
        jit.Write("conf/.hidden.yaml", "{not yaml");
        Assert.Equal(ExitCodes.Ok, await jit.Run("policy", "check", "conf"));
        jit.Write("conf/b.yml", "version: 1\nrules: 7");
        Assert.Equal(ExitCodes.Refused, await jit.Run("policy", "check", "conf"));
        Assert.Contains(jit.OutLines, line => line.StartsWith("conf/b.yml:2:", StringComparison.Ordinal) && line.Contains(": error: ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\ufeff")]
    public async Task The_version_is_the_servers_wherever_the_file_lies(string mark)
    {
        Directory.CreateDirectory(Path.Combine(jit.Folder, "conf"));
        jit.Write("p.yaml", mark + Good);
        jit.Write("conf/p.yaml", mark + Good);
        var served = JitGrains.Policy.PolicyLoader.Load(JitGrains.Silo.Policies.PolicyFiles.Read(Path.Combine(jit.Folder, "conf")).Files).Policy!.Version;
        foreach (var path in new[] { "p.yaml", "conf/p.yaml", "conf", Path.Combine(jit.Folder, "p.yaml") })
        {
            Assert.Equal(ExitCodes.Ok, await jit.Run("policy", "check", path, "--json"));
            using var json = JsonDocument.Parse(jit.Out);
            Assert.Equal(served, json.RootElement.GetProperty("version").GetString());
        }
    }

    [Fact]
    public async Task Check_as_json()
    {
        jit.Write("p.yaml", Good.Replace("effect: allow", "effect: alow"));
        Assert.Equal(ExitCodes.Refused, await jit.Run("policy", "check", "p.yaml", "--json"));
        using var json = JsonDocument.Parse(jit.Out);
        Assert.False(json.RootElement.GetProperty("valid").GetBoolean());
        Assert.Contains(json.RootElement.GetProperty("problems").EnumerateArray(), p => p.GetProperty("line").GetInt32() == 13 && p.GetProperty("severity").GetString() == "error");
    }

    [Theory]
    [InlineData("policy check missing.yaml", "missing.yaml does not exist")]
    [InlineData("policy check empty", "holds no .yaml")]
    [InlineData("policy check latin1.yaml", "is not UTF-8")]
    [InlineData("policy check huge.yaml", "is larger than")]
    [InlineData("policy test missing.yaml --policy p.yaml", "missing.yaml does not exist")]
    [InlineData("policy test cases.yaml --policy missing.yaml", "missing.yaml does not exist")]
    [InlineData("policy test cases.yaml --policy cases.yaml", "cases.yaml is not a valid policy")]
    [InlineData("policy test p.yaml --policy p.yaml", "p.yaml:1:")]
    [InlineData("explain GET http://h/orders/42 --as alice --policy missing.yaml", "missing.yaml does not exist")]
    public async Task Files_that_cannot_be_used_are_named(string line, string expected)
    {
        jit.Write("p.yaml", Good);
        jit.Write("cases.yaml", "cases: [{name: a, as: user:alice, request: GET /orders/42, expect: deny}]");
        Directory.CreateDirectory(Path.Combine(jit.Folder, "empty"));
        await File.WriteAllBytesAsync(Path.Combine(jit.Folder, "latin1.yaml"), [0x61, 0xe9, 0x62]);
        await File.WriteAllBytesAsync(Path.Combine(jit.Folder, "huge.yaml"), new byte[(4 * 1024 * 1024) + 1]);
        Assert.Equal(ExitCodes.Refused, await jit.Run(line.Split(' ')));
        Assert.Contains(expected, jit.Error, StringComparison.Ordinal);
        Assert.Equal("", jit.Out);
    }

    [Fact]
    public async Task Schema_prints_the_schema_as_it_is()
    {
        Assert.Equal(ExitCodes.Ok, await jit.Run("policy", "schema"));
        Assert.Equal(JitGrains.Policy.PolicySchema.Generate(), jit.Out);
    }

    [Fact]
    public async Task Test_runs_a_table()
    {
        jit.Write("p.yaml", Good);
        jit.Write("cases.yaml", """
            cases:
              - {name: reads, as: user:alice, groups: [engineering], request: GET /orders/42, expect: allow, rule: read}
              - {name: refunds, as: user:alice, groups: [engineering], request: POST /orders/42/refunds, body: {amount: 25}, expect: approve}
              - {name: strangers, as: user:mallory, request: GET /orders/42, expect: deny}
            """);
        Assert.Equal(ExitCodes.Ok, await jit.Run("policy", "test", "cases.yaml", "--policy", "p.yaml"));
        Assert.Equal("3 passed, 0 failed.\n", jit.Out);
    }

    [Fact]
    public async Task A_failed_case_says_what_was_expected_and_which_rule_decided()
    {
        jit.Write("p.yaml", Good);
        jit.Write("cases.yaml", """
            cases:
              - {name: reads, as: user:alice, groups: [engineering], request: GET /orders/42, expect: deny}
              - {name: small refunds, as: user:alice, groups: [engineering], request: POST /orders/42/refunds, body: {amount: 5}, expect: approve, rule: refunds, automatic: true}
              - {name: strangers, as: user:mallory, request: GET /orders/42, expect: deny}
            """);
        Assert.Equal(ExitCodes.Refused, await jit.Run("policy", "test", "cases.yaml", "--policy", "p.yaml"));
        Assert.Equal(
            [
                "cases.yaml:2:5: failed: reads", "  expected  deny", "  actual    allow by read",
                "cases.yaml:3:5: failed: small refunds", "  expected  automatic approve by refunds", "  actual    deny (no rule)",
                "1 passed, 2 failed.",
            ],
            jit.OutLines);
        Assert.Equal(ExitCodes.Refused, await jit.Run("policy", "test", "cases.yaml", "--policy", "p.yaml", "--json"));
        using var json = JsonDocument.Parse(jit.Out);
        Assert.Equal(2, json.RootElement.GetProperty("failed").GetInt32());
        Assert.Equal("read", json.RootElement.GetProperty("cases")[0].GetProperty("explanation").GetProperty("rule").GetString());
    }

    [Theory]
    [InlineData("GET http://h/orders/42 --groups engineering", "allow by read", "resource  order=42")]
    [InlineData("GET http://h/orders/42", "deny", "read (allow, p.yaml:13:5): not about this caller")]
    [InlineData("POST http://h/orders/42/refunds --groups dev:engineering --body {\"amount\":10}", "approve by refunds", "refunds (approve, p.yaml:14:5): decides")]
    [InlineData("POST http://h/orders/42/refunds --groups engineering --body {\"amount\":9.99}", "deny", "its conditions do not hold")]
    [InlineData("POST http://h/orders/42/refunds --groups engineering", "approve by refunds", "is unknown (")]
    [InlineData("GET http://h/ORDERS/42 --groups engineering", "deny", "confusable-target")]
    [InlineData("GET http://h/orders/%2e%2e/x", "deny", "refusal")]
    [InlineData("DELETE http://h/orders/42", "deny", "The API has no action")]
    public async Task Explain_asks_a_local_policy(string call, string first, string expected)
    {
        jit.Write("p.yaml", Good);
        Assert.Equal(ExitCodes.Ok, await jit.Run(["explain", .. call.Split(' '), "--as", "alice", "--policy", "p.yaml"]));
        Assert.Equal(first, jit.OutLines[0]);
        Assert.Contains(expected, jit.Out, StringComparison.Ordinal);
        Assert.Equal(!call.Contains("--groups", StringComparison.Ordinal), jit.Error.Contains("Without --groups", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_explanation_looks_the_same_from_a_server()
    {
        jit.Write("p.yaml", Good);
        string[] call = ["explain", "POST", "http://h/orders/42/refunds", "--as", "dev:user:alice", "--groups", "engineering", "--body", """{"amount":10}"""];
        Assert.Equal(ExitCodes.Ok, await jit.Run([.. call, "--policy", "p.yaml"]));
        var local = jit.Out;
        Assert.Equal(ExitCodes.Ok, await jit.Run([.. call, "--policy", "p.yaml", "--json"]));
        await using var server = (await WireServer.StartAsync()).On("POST /api/v1/explain", 200, jit.Out);
        jit.Against(server);
        Assert.Equal(ExitCodes.Ok, await jit.Run(call));
        Assert.Equal(local, jit.Out);
    }

    [Fact]
    public async Task In_the_quickstart_one_may_ask_about_a_principal_in_its_own_name()
    {
        await using var server = (await WireServer.StartAsync())
            .On("POST /token", 200, $$"""{"access_token":"{{JitRun.Token}}"}""")
            .On("POST /api/v1/explain", 200, """{"decision":"deny","policy_version":"sha256-0"}""");
        jit.Against(server).WithDevIssuer(server.Address + "/token").Environment.Remove("JIT_TOKEN");
        Assert.Equal(ExitCodes.Ok, await jit.Run("explain", "GET", "http://h/x", "--as", "alice"));
        Assert.Contains("client_id=alice&", server.Requests.First().Body, StringComparison.Ordinal);
        jit.Environment["JIT_AS"] = "bob";
        Assert.Equal(ExitCodes.Ok, await jit.Run("explain", "GET", "http://h/x", "--as", "alice"));
        Assert.Contains("client_id=bob&", server.Requests.ElementAt(2).Body, StringComparison.Ordinal);
        Assert.Contains("\"principal\":\"dev:user:alice\"", server.Requests.Last().Body, StringComparison.Ordinal);
    }
}
