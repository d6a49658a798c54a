using System.Net;
using System.Net.Sockets;
using JitGrains.Gateway.Hosting;
using JitGrains.GatewayTests.Support;
using JitGrains.Silo;
using Microsoft.Extensions.Configuration;

namespace JitGrains.GatewayTests.Calls;

/// <summary>What keeps the gateway from starting is told whole and plainly.</summary>
public sealed class StartTests
{
    public static TheoryData<string[], string[]> Misconfigurations() => new()
    {
        { [], ["Policy: name a policy file or folder", "Issuers: name at least one token issuer"] },
        { ["--port", "eighty", "--control-port", "70000"], ["Port: 'eighty' is not a port", "ControlPort: '70000' is not a port", "Policy:", "Issuers:"] },
        { ["--quickstart", "--address", "0.0.0.0"], ["the quickstart listens on loopback only"] },
        { ["--quickstart", "--port", "8081"], ["each listener needs a port of its own"] },
        { ["--quickstart", "--prot", "1", "--data"], ["--prot: there is no such option", "1: there is no such option", "--data: a value is missing"] },
        { ["--quickstart", "--public-url", "nowhere"], ["PublicUrl"] },
    };

    [Theory]
    [MemberData(nameof(Misconfigurations))]
    public void Every_problem_is_listed_at_once(string[] args, string[] expected)
    {
        var problems = Assert.Throws<StartupException>(() => GatewayHost.Build(args)).Problems;
        foreach (var text in expected)
            Assert.Contains(problems, p => p.Contains(text, StringComparison.Ordinal));
        Assert.Equal(expected.Length, problems.Count);
    }

    [Fact]
    public async Task A_taken_port_is_one_line_that_says_what_to_do()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        var folder = Directory.CreateTempSubdirectory("jitgrains-test-").FullName;
        var policy = Path.Combine(folder, "policy.yaml");
        await File.WriteAllTextAsync(policy, Policies.Open.Replace("$UPSTREAM", "http://127.0.0.1:9", StringComparison.Ordinal));
        using var output = new StringWriter();
        var code = await GatewayHost.RunAsync(
            ["--quickstart", "--data", Path.Combine(folder, "data"), "--policy", policy, "--port", "0", "--control-port", $"{port}", "--sample-port", "0"], output);
        Assert.Equal(1, code);
        Assert.Equal($"Port {port} on 127.0.0.1 is taken. Choose another with --control-port, or stop what listens there.", output.ToString().Trim());
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Settings_have_their_defaults_and_say_what_they_would_take()
    {
        var problems = new List<string>();
        var empty = new ConfigurationBuilder().Build();
        var defaults = GatewayOptions.Read(empty, development: true, problems);
        Assert.Empty(problems);
        // Lists by what they hold.
        Assert.Equivalent(new GatewayOptions { Quickstart = true }, defaults, strict: true);

        var wrong = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["Quickstart"] = "perhaps", ["Address"] = "here", ["MaxHeld"] = "0", ["StartWithin"] = "1.00:00:00", ["StopWithin"] = "soon", ["JournalCapacity"] = "-1",
        }).Build();
        GatewayOptions.Read(wrong, development: false, problems);
        Assert.Equal(6, problems.Count);
        Assert.Contains("StartWithin: '1.00:00:00' is not a time span such as 00:00:05, more than zero and at most 00:01:00.", problems);
    }

    [Theory]
    [InlineData(new[] { "--role", "gateway", "--quickstart", "--policy", "p.yaml", "--keys-folder", "keys" },
        "Role: a gateway or a silo of its own needs the Database", "QuickstartIssuer: a gateway of a quickstart", "KeysFolder, Policy, DatabaseOwner: these are for silos")]
    [InlineData(new[] { "--role", "both" }, "Role: 'both' is not all or gateway or silo.")]
    [InlineData(new[] { "--role", "1" }, "Role: '1' is not all or gateway or silo.")]
    [InlineData(new[] { "--database", "nonsense", "--store", "memory", "--quickstart" }, "Database is no connection string", "Store, Database: name one of the two.")]
    public async Task What_is_wrong_with_a_role_is_told_all_at_once(string[] args, params string[] expected)
    {
        var failed = await Assert.ThrowsAsync<JitGrains.Silo.StartupException>(() => GatewayHost.BuildAsync(args));
        foreach (var problem in expected)
            Assert.Contains(failed.Problems, p => p.StartsWith(problem, StringComparison.Ordinal));
    }
}
