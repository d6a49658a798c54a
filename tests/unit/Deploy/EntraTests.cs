using System.Collections.Immutable;
using System.Text.Json;
using JitGrains.Silo;
using JitGrains.Silo.Identity;
using Microsoft.Extensions.Configuration;

namespace JitGrains.UnitTests.Deploy;

/// <summary>Who callers are by the issuers that the manifests configure: claims as Entra ID and Kubernetes document them.</summary>
public sealed class EntraTests
{
    [Theory]
    // An access token that somebody got for jit or a browser; the ID token of a sign-in; an application of its own.
    [InlineData(0, """{"sub": "a", "oid": "b", "azp": "c", "scp": "access", "groups": ["g"]}""", "entra:user:b", "entra:g")]
    [InlineData(0, """{"sub": "a", "oid": "b", "nonce": "n", "preferred_username": "alice@example.com", "groups": ["g"]}""", "entra:user:b", "entra:g")]
    [InlineData(0, """{"sub": "b", "oid": "b", "azp": "c"}""", "entra:service:c", null)]
    [InlineData(1, """{"sub": "system:serviceaccount:jitgrains:audit-check"}""", "cluster:service:jitgrains:audit-check", "cluster:system:serviceaccount:jitgrains:audit-check")]
    public async Task Callers_are_who_they_are(int issuer, string claims, string principal, string? group)
    {
        var options = await OptionsAsync();
        var mapping = new ClaimMapping(IssuerPresets.Apply(options.Issuers[issuer]));
        var all = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(claims)!.ToImmutableDictionary(StringComparer.Ordinal);
        Assert.True(mapping.TryPrincipal(all, out var found));
        Assert.Equal(principal, found.Value);
        Assert.True(mapping.TryGroups(all, out var groups));
        Assert.Equal(group is null ? [] : [group], groups);
    }

    [Fact]
    public async Task The_nightly_check_is_an_auditor()
    {
        var site = await Site.ExampleAsync();
        var account = site.Containers().Single(c => c.Workload == "audit-check").Pod.Text("serviceAccountName");
        var options = await OptionsAsync();
        Assert.Contains($"cluster:system:serviceaccount:jitgrains:{account}", options.Auditors);
        Assert.Contains($"audience: {options.Issuers[1].Audiences[0]},", site.Text, StringComparison.Ordinal);
    }

    private static async Task<SiloOptions> OptionsAsync()
    {
        var settings = (await Site.ExampleAsync()).Find("ConfigMap", "settings").Map("data");
        var problems = new List<string>();
        var given = settings.Select(s => KeyValuePair.Create($"{s.Key}".Replace("__", ":", StringComparison.Ordinal), (string?)$"{s.Value}"));
        var options = SiloOptions.Read(new ConfigurationBuilder().AddInMemoryCollection(given).Build().GetSection("JitGrains"), problems);
        Assert.Empty(problems);
        return options;
    }
}
