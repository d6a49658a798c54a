using JitGrains.Cli;
using JitGrains.UnitTests.Silo;

namespace JitGrains.UnitTests.Cli;

/// <summary>The command against the real control plane: what one writes, the other reads.</summary>
public sealed class RealControlPlaneTests : IAsyncLifetime
{
    private readonly JitRun jit = new();
    private SiloHost host = null!;

    public async Task InitializeAsync()
    {
        host = await SiloHost.StartAsync();
        jit.Environment["JIT_CONTROL"] = host.Address.AbsoluteUri;
    }

    public async Task DisposeAsync()
    {
        await host.DisposeAsync();
        jit.Dispose();
    }

    private async Task<int> As(string who, params string[] args)
    {
        jit.Environment["JIT_TOKEN"] = host.Token(who);
        var code = await jit.Run(args);
        await host.Idle();
        return code;
    }

    [Fact]
    public async Task A_request_is_listed_shown_approved_used_as_a_grant_and_revoked()
    {
        var id = await host.Raise(Sample.Ask());
        Assert.Equal(ExitCodes.Ok, await As("bob", "requests"));
        Assert.StartsWith($"{id}\tpending\tdev:user:alice\torders.refund\t", Assert.Single(jit.OutLines[1..]), StringComparison.Ordinal);

        Assert.Equal(ExitCodes.Ok, await As("bob", "show", id));
        Assert.Contains($"Approval request {id}: pending", jit.Out, StringComparison.Ordinal);

        Assert.Equal(ExitCodes.Ok, await As("bob", "approve", id, "--comment", "looked at it"));
        Assert.StartsWith("Approved: ", jit.OutLines[^1], StringComparison.Ordinal);

        Assert.Equal(ExitCodes.Ok, await As("bob", "show", id));
        Assert.Contains("dev:user:bob approves at ", jit.Out, StringComparison.Ordinal);
        Assert.Contains(": looked at it", jit.Out, StringComparison.Ordinal);

        Assert.Equal(ExitCodes.Ok, await As("olga", "grants", "--all"));
        var grant = jit.OutLines[1].Split('\t')[0];
        Assert.Equal("gr_" + id[3..], grant);

        Assert.Equal(ExitCodes.Ok, await As("olga", "revoke", grant, "--reason", "no longer needed"));
        Assert.StartsWith($"Revoked {grant}: ", jit.OutLines[0], StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Ok, await As("olga", "revoke", "--principal", "dev:user:alice"));
        Assert.Contains("nothing was revoked", jit.OutLines[0], StringComparison.Ordinal);

        Assert.Equal(ExitCodes.Ok, await As("olga", "grants", "--all"));
        Assert.Equal("", jit.Out);
        Assert.Equal(ExitCodes.Ok, await As("olga", "grants", "--all", "--status", "any"));
        Assert.Contains("revoked by dev:user:olga", jit.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keys_are_created_shown_once_listed_and_revoked()
    {
        Assert.Equal(ExitCodes.Usage, await As("olga", "keys", "create", "billing", "--owner", "dev:user:alice"));
        Assert.Equal(ExitCodes.Usage, await As("olga", "keys", "create", "billing", "--expires", "30d"));
        Assert.Equal(ExitCodes.Refused, await As("bob", "keys", "create", "billing", "--owner", "dev:user:alice", "--expires", "30d"));
        Assert.Equal(ExitCodes.Ok, await As("olga", "keys", "create", "billing", "--owner", "dev:user:alice", "--expires", "30d", "--api", "orders", "--action", "orders.read", "--action", "orders.list"));
        var secret = Assert.Single(jit.OutLines);
        Assert.Matches("^jitk_[A-Za-z0-9_-]{43}_billing$", secret);
        Assert.Equal(ExitCodes.Ok, await As("alice", "keys"));
        Assert.StartsWith("billing\tactive\tdev:user:alice\t", Assert.Single(jit.OutLines[1..]), StringComparison.Ordinal);
        Assert.EndsWith("\t-\torders\torders.read orders.list", jit.OutLines[1], StringComparison.Ordinal);
        Assert.DoesNotContain(secret, jit.Out, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Ok, await As("alice", "keys", "revoke", "billing", "--reason", "leaked"));
        Assert.Equal("billing is revoked: nothing starts by it any more.", jit.OutLines[0]);
        Assert.Equal(ExitCodes.Ok, await As("dave", "keys"));
        Assert.StartsWith("billing\trevoked\t", jit.OutLines[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Requests_are_denied_and_cancelled()
    {
        var denied = await host.Raise(Sample.Ask(1, resource: "order=1"));
        var cancelled = await host.Raise(Sample.Ask(2, resource: "order=2"));
        Assert.Equal(ExitCodes.Ok, await As("bob", "deny", denied));
        Assert.Equal("Denied.", jit.OutLines[^1]);
        Assert.Equal(ExitCodes.Refused, await As("bob", "cancel", cancelled, "--operator"));
        Assert.Contains("problems/forbidden", jit.Error, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Ok, await As("olga", "cancel", cancelled, "--operator"));
        Assert.Equal($"{cancelled} is cancelled.", jit.OutLines[0]);
        Assert.Equal(ExitCodes.Ok, await As("bob", "requests", "--all"));
        Assert.Equal(["cancelled", "denied"], jit.OutLines[1..].Select(l => l.Split('\t')[1]).Order(StringComparer.Ordinal));
        Assert.Equal(ExitCodes.Refused, await As("carol", "approve", denied));
        Assert.Contains("problems/already-decided", jit.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ones_own_request_is_not_ones_to_approve()
    {
        var id = await host.Raise(Sample.Ask());
        Assert.Equal(ExitCodes.Refused, await As("alice", "approve", id));
        Assert.Contains("problems/not-eligible", jit.Error, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Refused, await As("mallory", "show", id));
        Assert.Contains("problems/not-found", jit.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Long_lists_are_read_page_by_page()
    {
        for (var i = 0; i < 120; i++)
            await host.Raise(Sample.Ask(i, resource: $"order={i}") with { Principal = new JitGrains.Identity.PrincipalId($"dev:user:u{i}") });
        Assert.Equal(ExitCodes.Ok, await As("bob", "requests"));
        Assert.Equal(120, jit.OutLines[1..].Select(l => l.Split('\t')[0]).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(ExitCodes.Ok, await As("bob", "requests", "--limit", "101"));
        Assert.Equal(102, jit.OutLines.Length);
        Assert.Contains("more than 101", jit.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_audit_trail_is_read_and_verified_and_a_head_can_be_given_back()
    {
        var id = await host.Raise(Sample.Ask());
        Assert.Equal(ExitCodes.Refused, await As("bob", "audit"));
        Assert.Equal(ExitCodes.Ok, await As("dave", "audit", "--request", id, "--type", "request.raised", "--principal", "dev:user:alice", "--since", "1h"));
        var entry = Assert.Single(jit.OutLines[1..]);
        Assert.Contains("\trequest.raised\t", entry, StringComparison.Ordinal);
        Assert.Contains("dev:user:alice", entry, StringComparison.Ordinal);

        Assert.Equal(ExitCodes.Ok, await As("dave", "audit", "verify"));
        Assert.StartsWith("Valid: ", jit.OutLines[0], StringComparison.Ordinal);
        var head = jit.OutLines[^1].Trim();
        Assert.Equal(ExitCodes.Ok, await As("dave", "audit", "verify", "--head", head));
        var forged = head[..^1] + (head[^1] == 'A' ? 'E' : 'A');
        Assert.Equal(ExitCodes.Refused, await As("dave", "audit", "verify", "--head", forged));
        Assert.Contains("NOT VALID", jit.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_is_erased_from_behind_the_audit_trail()
    {
        await host.Raise(Sample.Ask());
        Assert.Equal(ExitCodes.Refused, await As("dave", "audit", "erase", "dev:user:alice", "--reason", "asked to be forgotten"));
        Assert.Equal(ExitCodes.Ok, await As("olga", "audit", "erase", "dev:user:alice", "--reason", "asked to be forgotten"));
        Assert.Equal("Erased dev:user:alice: the audit trail holds a digest only.", jit.OutLines[0]);
        var digest = jit.OutLines[1].Trim();
        Assert.Equal(ExitCodes.Ok, await As("dave", "audit", "--type", "request.raised"));
        Assert.Contains($"principal={digest}", jit.Out, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Ok, await As("dave", "audit", "--type", "value.erased"));
        Assert.Contains($"by=dev:user:olga erased={digest} reason=asked to be forgotten", jit.Out, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Refused, await As("olga", "audit", "erase", digest, "--reason", "again", "--json"));
    }

    [Fact]
    public async Task Explanations_are_the_same_from_the_server_and_from_the_file()
    {
        string[] call = ["explain", "GET", "http://127.0.0.1:8080/orders/42", "--as", "dev:user:alice", "--groups", "engineering"];
        Assert.Equal(ExitCodes.Ok, await As("olga", call));
        var served = jit.Out;
        Assert.StartsWith("allow by read-orders\n", served, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Ok, await jit.Run([.. call, "--policy", host.PolicyPath]));
        Assert.Equal(served, jit.Out);
        Assert.Equal(ExitCodes.Refused, await As("bob", call));
        Assert.Contains("problems/forbidden", jit.Error, StringComparison.Ordinal);

        var id = await host.Raise(Sample.Ask());
        Assert.Equal(ExitCodes.Ok, await As("bob", "explain", id));
        Assert.StartsWith("approve by ", jit.Out, StringComparison.Ordinal);
        Assert.Contains("The request is pending.", jit.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_policy_in_force_is_the_one_that_a_local_check_reads()
    {
        Assert.Equal(ExitCodes.Ok, await As("olga", "policy", "show"));
        var served = jit.OutLines.Single(l => l.StartsWith("version: ", StringComparison.Ordinal));
        await jit.Run("policy", "check", host.PolicyPath);
        Assert.Contains(served["version: ".Length..], jit.Error, StringComparison.Ordinal);
    }
}
