using System.Net;
using JitGrains.Policy;
using JitGrains.Secrets;
using JitGrains.Silo;
using JitGrains.Silo.Upstreams;
using Microsoft.Extensions.Configuration;

namespace JitGrains.UnitTests.Silo;

/// <summary>What policy may not decide.</summary>
public class UpstreamRulesTests
{
    [Theory]
    [InlineData("env:ORDERS_KEY", true)]
    [InlineData("env:9KEY", false)]
    [InlineData("env:", false)]
    [InlineData("env:A B", false)]
    [InlineData("file:/run/secrets/key", true)]
    [InlineData("file:run/secrets/key", false)]
    [InlineData("file:/run/../etc/passwd", false)]
    [InlineData("file:/run//key", false)]
    [InlineData("file:/run/./key", false)]
    [InlineData("file:/", false)]
    [InlineData("file:/run/*", false)]
    [InlineData("azure-key-vault:https://v.vault.azure.net/secrets/key", true)]
    [InlineData("azure-key-vault:https://v.vault.azure.net/secrets/key/0123abcd", true)]
    [InlineData("azure-key-vault:http://v.vault.azure.net/secrets/key", false)]
    [InlineData("azure-key-vault:https://v.vault.azure.net/keys/key", false)]
    [InlineData("azure-key-vault:https://v.vault.azure.net/secrets/key?x=1", false)]
    [InlineData("azure-key-vault:https://u:p@v.vault.azure.net/secrets/key", false)]
    [InlineData("azure-key-vault:https://v.vault.azure.net/secrets/a/../b", false)]
    [InlineData("vault:x", false)]
    [InlineData("hunter2", false)]
    [InlineData("", false)]
    public void A_reference_means_one_thing(string text, bool good)
    {
        Assert.Equal(good, SecretReference.TryParse(text, out var reference, out var problem));
        Assert.Equal(good ? text : null, reference?.ToString());
        // What may be a secret by mistake is not repeated.
        Assert.False(problem?.Contains("hunter2", StringComparison.Ordinal) == true);
    }

    [Theory]
    [InlineData("env:KEY", "https://a.example.com", "env:KEY", "https://a.example.com", true)]
    [InlineData("env:KEY", "https://a.example.com", "env:KEY2", "https://a.example.com", false)]
    [InlineData("env:KEY*", "https://a.example.com", "env:KEY2", "https://a.example.com", true)]
    [InlineData("file:/run/secrets/*", "https://a.example.com", "file:/run/secrets/a/b", "https://a.example.com", true)]
    [InlineData("file:/run/secrets/*", "https://a.example.com", "file:/run/secretsx", "https://a.example.com", false)]
    [InlineData("env:KEY", "https://a.example.com", "env:KEY", "http://a.example.com", false)]
    [InlineData("env:KEY", "https://a.example.com", "env:KEY", "https://a.example.com:8443", false)]
    [InlineData("env:KEY", "https://a.example.com:8443", "env:KEY", "https://A.example.com:8443", true)]
    [InlineData("env:KEY", "https://a.example.com", "env:KEY", "https://a.example.com.evil.example", false)]
    [InlineData("env:KEY", "https://*.example.com", "env:KEY", "https://a.b.example.com", true)]
    [InlineData("env:KEY", "https://*.example.com", "env:KEY", "https://example.com", false)]
    [InlineData("env:KEY", "https://*.example.com", "env:KEY", "https://badexample.com", false)]
    [InlineData("env:KEY", "*", "env:KEY", "http://anything.example", true)]
    public void A_secret_goes_where_it_may(string allowed, string to, string named, string upstream, bool good)
    {
        var problems = new List<string>();
        var rules = Rules(problems, ("Secrets:0:Reference", allowed), ("Secrets:0:Upstreams:0", to));
        Assert.Empty(problems);
        var policy = PolicyLoader.Load([new PolicyFile("p.yaml", $$"""
            version: 1
            realm: dev
            apis:
              a:
                upstreams: ["{{upstream}}"]
                credential: {header: {name: x-key, value: "{{named}}"} }
                actions: {a.read: {methods: [GET], path: /a} }
            rules: [{name: r, who: {anyone: true}, actions: {names: [a.read]}, effect: allow}]
            """)]).Policy!;
        Assert.Equal(good, !rules.ProblemsOf(policy).Any());
        Assert.NotEmpty(UpstreamRules.None.ProblemsOf(policy));
    }

    [Theory]
    [InlineData("169.254.169.254", false)]
    [InlineData("::ffff:169.254.169.254", false)]
    [InlineData("fe80::1", false)]
    [InlineData("fd00:ec2::254", false)]
    [InlineData("10.1.2.3", true)]
    [InlineData("127.0.0.1", true)]
    [InlineData("2001:db8::1", true)]
    public void Link_local_addresses_are_never_upstreams(string address, bool good)
    {
        Assert.Equal(good, UpstreamRules.None.Admits(IPAddress.Parse(address)));
        Assert.Equal(good, Rules([], ("UpstreamNetworks", "0.0.0.0/0, ::/0")).Admits(IPAddress.Parse(address)));
    }

    [Fact]
    public void Only_listed_networks_have_upstreams_where_there_is_a_list()
    {
        var rules = Rules([], ("UpstreamNetworks:0", "10.0.0.0/8"), ("UpstreamNetworks:1", "2001:db8::/32"));
        Assert.True(rules.Admits(IPAddress.Parse("10.1.1.1")) && rules.Admits(IPAddress.Parse("::ffff:10.1.1.1")) && rules.Admits(IPAddress.Parse("2001:db8::5")));
        Assert.False(rules.Admits(IPAddress.Parse("127.0.0.1")) || rules.Admits(IPAddress.Parse("192.0.2.1")));
    }

    [Fact]
    public void Everything_that_is_wrong_with_the_settings_is_said_at_once()
    {
        var problems = new List<string>();
        Rules(problems,
            ("Secrets:0:Reference", "hunter"), ("Secrets:0:Upstreams:0", "https://a.example.com/path"),
            ("Secrets:1:Reference", "env:*"), ("Secrets:1:Upstreams:0", "*"),
            ("Secrets:2:Reference", "env:KEY"),
            ("UpstreamNetworks", "10.0.0.0/8, nonsense"));
        Assert.Equal(5, problems.Count);
    }

    private static UpstreamRules Rules(List<string> problems, params (string Key, string Value)[] settings) =>
        SiloOptions.Read(new ConfigurationBuilder().AddInMemoryCollection(settings.Select(s => KeyValuePair.Create(s.Key, (string?)s.Value))).Build(), problems).Upstreams;
}
