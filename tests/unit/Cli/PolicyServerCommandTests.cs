using JitGrains.Cli;

namespace JitGrains.UnitTests.Cli;

/// <summary>Policy commands that ask the control plane.</summary>
public sealed class PolicyServerCommandTests : IAsyncLifetime
{
    private const string Applied = """{"sequence":3,"version":"sha256-0123456789abcdef","before":"sha256-fedcba9876543210","changed":true,"gateways_acknowledged":2,"gateways_condemned":1,"milliseconds":4.2}""";
    private readonly JitRun jit = new();
    private WireServer server = null!;

    public async Task InitializeAsync() => server = await WireServer.StartAsync();

    public async Task DisposeAsync()
    {
        jit.Dispose();
        await server.DisposeAsync();
    }

    [Fact]
    public async Task Apply_sends_the_files_by_their_names_and_says_who_decides_by_them()
    {
        Directory.CreateDirectory(Path.Combine(jit.Folder, "conf"));
        jit.Write("conf/a.yaml", "version: 1\n");
        jit.Write("b.yaml", "rules: []\n");
        server.On("PUT /api/v1/policy", 200, Applied);
        Assert.Equal(ExitCodes.Ok, await Run("apply", "conf", "b.yaml", "--reason", "because", "--expect", "sha256-fedcba9876543210"));
        Assert.Equal(
            """{"files":{"a.yaml":"version: 1\n","b.yaml":"rules: []\n"},"reason":"because","expected_version":"sha256-fedcba9876543210"}""",
            Assert.Single(server.Requests).Body);
        Assert.Contains("Policy sha256-0123456789abcdef is in force", jit.Out, StringComparison.Ordinal);
        Assert.Contains("gateways condemned     1", jit.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_needs_an_approval_or_cannot_be_taken_is_said_so()
    {
        jit.Write("p.yaml", "version: 1\n");
        server.On("PUT /api/v1/policy", 403, """{"type":"https://jitgrains.dev/problems/approval-required","title":"Approval is required","status":403,"task":{"id":"rq_0123456789abcdefghjkmnpqrs"}}""", "application/problem+json");
        Assert.Equal(ExitCodes.Refused, await Run("apply", "p.yaml"));
        Assert.Contains("rq_0123456789abcdefghjkmnpqrs. Run the same command again", jit.Out, StringComparison.Ordinal);

        server.On("POST /api/v1/policy/rollback", 422, """{"type":"https://jitgrains.dev/problems/policy-invalid","title":"The policy cannot be taken","status":422,"problems":["p.yaml:1:1: error: no"]}""", "application/problem+json");
        Assert.Equal(ExitCodes.Refused, await Run("rollback", "2", "--reason", "no"));
        Assert.Contains("p.yaml:1:1: error: no", jit.Out, StringComparison.Ordinal);
        Assert.Equal("""{"to":2,"reason":"no"}""", server.Requests.Last().Body);
    }

    [Fact]
    public async Task A_dry_run_ends_as_the_check_does()
    {
        jit.Write("p.yaml", "version: 1\n");
        server.On("PUT /api/v1/policy", 200, """{"problems":["p.yaml:1:1: error: no"]}""");
        Assert.Equal(ExitCodes.Refused, await Run("apply", "p.yaml", "--dry-run"));
        Assert.Contains("\"dry_run\":true", server.Requests.Last().Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task History_and_difference_are_shown()
    {
        server.On("GET /api/v1/policy/history", 200, """{"items":[{"sequence":2,"version":"sha256-2","applied_at":"2026-01-02T03:04:05Z","applied_by":"dev:user:olga","reason":"x\u001b","rolled_back_to":1},{"sequence":1,"version":"sha256-1","applied_at":"2026-01-01T00:00:00Z"}]}""");
        Assert.Equal(ExitCodes.Ok, await Run("history"));
        Assert.Contains("2\tsha256-2\t2026-01-02T03:04:05Z\tdev:user:olga\t(back to 1) x\\u001B", jit.Out, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("(configured file)", jit.Out, StringComparison.Ordinal);

        server.On("GET /api/v1/policy/diff?from=1&to=2", 200, """{"from":1,"to":2,"diff":"--- p\n+++ p\n+a\n"}""");
        Assert.Equal(ExitCodes.Ok, await Run("diff", "1", "2"));
        Assert.Contains("+a", jit.Out, StringComparison.Ordinal);
    }

    private Task<int> Run(params string[] args) => jit.Run(["policy", .. args, "--control", server.Address, "--token", JitRun.Token]);
}
