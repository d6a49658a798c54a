using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using JitGrains.Gateway.Hosting;
using JitGrains.GatewayTests.Support;
using JitGrains.Runtime.Engine;
using JitGrains.Silo;
using Microsoft.Data.Sqlite;

namespace JitGrains.GatewayTests.Processes;

/// <summary>What keeps the gateway from starting, as a newcomer meets it: exit code 1, and lines that say what is wrong and what to do.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class StartFailureTests
{
    [Theory]
    [InlineData("--port")]
    [InlineData("--control-port")]
    [InlineData("--sample-port")]
    public async Task A_taken_port(string option)
    {
        await using var installation = await Installation.Create(Policies.Orders);
        var port = option switch { "--port" => installation.Port, "--control-port" => installation.ControlPort, _ => installation.SamplePort };
        using var other = new TcpListener(IPAddress.Loopback, port);
        other.Start();
        await Fails(installation, installation.Quickstart, $"Port {port} on 127.0.0.1 is taken. Choose another with {option}, or stop what listens there.");
    }

    [Fact]
    public void Whatever_keeps_a_process_from_starting_is_told_in_lines()
    {
        Assert.Equal(["The store cannot be used: lock timeout"], GatewayHost.ProblemsOf(new StoreUnavailableException("lock timeout"), null));
        Assert.Equal(["The store cannot be used: too late"], GatewayHost.ProblemsOf(new TimeoutException("too late"), null));
        Assert.Equal(
            ["one", "two", "The store cannot be used: lock timeout"],
            GatewayHost.ProblemsOf(new AggregateException(new StartupException(["one", "two"]), new AggregateException(new StoreUnavailableException("lock timeout")), new StartupException("one")), null));
        Assert.Null(GatewayHost.ProblemsOf(new AggregateException(new StartupException("one"), new InvalidOperationException("a bug")), null));
    }

    [Fact]
    public async Task Nothing_configured_is_told_all_at_once()
    {
        await using var installation = await Installation.Create(Policies.Orders);
        await Fails(
            installation,
            installation.Listening,
            "Policy: name a policy file or folder (--policy PATH), or start with --quickstart.",
            "Issuers: name at least one token issuer, or start with --quickstart.");
        Assert.False(Directory.Exists(installation.Data));
    }

    [Fact]
    public async Task No_issuer_outside_the_quickstart()
    {
        await using var installation = await Installation.Create(Policies.Orders);
        await Fails(installation, ["--policy", installation.PolicyFile, .. installation.Listening], "Issuers: name at least one token issuer, or start with --quickstart.");
    }

    [Fact]
    public async Task A_policy_that_is_not_there()
    {
        await using var installation = await Installation.Create(Policies.Orders);
        File.Delete(installation.PolicyFile);
        await Fails(installation, installation.Quickstart, "The policy cannot be taken:", $"Could not find file '{installation.PolicyFile}'.");
    }

    [Fact]
    public async Task An_invalid_policy_with_every_problem_at_its_line()
    {
        await using var installation = await Installation.Create("""
            version: 1
            realm: dev
            colour: blue
            groups: {managers: {members: [user:bob]}}
            apis:
              orders:
                upstreams: ["http://127.0.0.1:9"]
                prefix: /orders
                actions:
                  orders.refund: {methods: [POST], path: "/orders/{order}/refunds", access: write}
            rules:
              - name: refunds
                who: {groups: [engineers]}
                actions: {names: [orders.refund]}
                effect: approve
                approve: {stages: [{name: manager, groups: [managers], quorum: 0}]}
            """);
        var failed = await Fails(installation, installation.Quickstart, "The policy cannot be taken:");
        foreach (var (line, about) in new[] { (3, "colour"), (13, "engineers"), (16, "quorum") })
        {
            Assert.Contains(failed.Errors.Split('\n'), l =>
                l.StartsWith($"policy.yaml:{line}:", StringComparison.Ordinal) && l.Contains(about, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Unknown_options_and_settings_that_cannot_be_used()
    {
        await using var installation = await Installation.Create(Policies.Orders);
        installation.Environment["JITGRAINS__MAXHELD"] = "many";
        installation.Environment["JITGRAINS__WEBHOOK__URL"] = "http://hooks.example.com/";
        await Fails(
            installation,
            [.. installation.Quickstart, "--colour", "blue"],
            "--colour: there is no such option; --help lists them.",
            "MaxHeld: 'many' is not a whole number, at least 1.",
            "Webhook:Url is an absolute https address (http on loopback only).");
    }

    [Fact]
    public async Task A_data_folder_that_others_can_look_into()
    {
        await using var installation = await Used();
        File.SetUnixFileMode(installation.Data, (UnixFileMode)0b111_101_101);
        await Fails(installation, installation.Quickstart, $"{installation.Data} is open to others (mode 755); run: chmod 700 {installation.Data}");
    }

    [Theory]
    [InlineData("jitgrains.db")]
    [InlineData("keys/master")]
    [InlineData("dev-issuer.json")]
    public async Task A_file_that_others_can_read(string name)
    {
        await using var installation = await Used();
        var path = Path.Combine(installation.Data, name);
        File.SetUnixFileMode(path, (UnixFileMode)0b110_100_100);
        await Fails(installation, installation.Quickstart, $"{path} is open to others (mode 644); run: chmod 600 {path}");
    }

    [Fact]
    public async Task A_second_process_on_the_same_data()
    {
        await using var installation = await Installation.Create(Policies.Orders);
        var first = await installation.Start();
        await Fails(
            installation,
            ["--quickstart", "--policy", installation.PolicyFile, "--data", installation.Data, "--port", "0", "--control-port", "0", "--sample-port", "0"],
            "is in use by another process");
        // The first one goes on as if nothing had been.
        using var client = new JitClient(installation);
        Assert.Equal(HttpStatusCode.OK, (await client.Call(await installation.Token("alice"), "GET", "/.jit/whoami")).Status);
        Assert.DoesNotContain("fail:", first.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("keys/master", "is not 32 bytes in base64url; restore it from a backup.")]
    [InlineData("keys/grant-signing.pem", "is not a P-256 private key in PEM; restore it from a backup.")]
    public async Task A_damaged_key(string name, string problem)
    {
        await using var installation = await Used();
        var path = Path.Combine(installation.Data, name);
        await File.WriteAllTextAsync(path, "not a key but a canary\n");
        var failed = await Fails(installation, installation.Quickstart, $"{path} {problem}");
        Assert.DoesNotContain("canary", failed.Errors + failed.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keys_that_are_gone_are_not_made_anew()
    {
        await using var installation = await Used();
        Directory.Delete(Path.Combine(installation.Data, "keys"), recursive: true);
        await Fails(installation, installation.Quickstart, $"{installation.Data} has a store but no keys folder; restore the keys from the backup that the store is from.");
    }

    [Fact]
    public async Task A_database_of_a_later_version_or_none_at_all()
    {
        await using var installation = await Used();
        var path = Path.Combine(installation.Data, "jitgrains.db");
        await using (var db = new SqliteConnection($"Data Source={path};Pooling=False"))
        {
            await db.OpenAsync();
            await using var command = db.CreateCommand();
            command.CommandText = "PRAGMA user_version = 99";
            await command.ExecuteNonQueryAsync();
        }

        await Fails(installation, installation.Quickstart, $"The database {path} has schema version 99; this program knows versions up to");
        await File.WriteAllTextAsync(path, "This is no database, whatever its name says.");
        await Fails(installation, installation.Quickstart, $"The database {path} cannot be opened:");
    }

    /// <summary>An installation that ran before and has stopped.</summary>
    private static async Task<Installation> Used()
    {
        var installation = await Installation.Create(Policies.Orders);
        var process = await installation.Start();
        await process.Terminate();
        await process.Ended;
        Assert.Equal(0, process.ExitCode);
        return installation;
    }

    private static async Task<GatewayProcess> Fails(Installation installation, string[] args, params string[] lines)
    {
        var process = await installation.RunToEnd(args);
        Assert.True(process.ExitCode == 1, $"exit code {process.ExitCode}:\n{process.Errors}");
        foreach (var line in lines)
            Assert.Contains(process.Errors.Split('\n'), l => l.Contains(line, StringComparison.Ordinal));
        foreach (var said in new[] { process.Errors, process.Output })
        {
            Assert.DoesNotContain("   at ", said, StringComparison.Ordinal);
            Assert.DoesNotContain("Exception", said, StringComparison.Ordinal);
            Assert.DoesNotContain("fail:", said, StringComparison.Ordinal);
            Assert.DoesNotContain("crit:", said, StringComparison.Ordinal);
        }

        return process;
    }
}
