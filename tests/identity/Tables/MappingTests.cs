using System.Text;
using System.Text.Json.Nodes;
using JitGrains.Silo.Identity;
using JitGrains.UnitTests.Silo;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;

namespace JitGrains.IdentityTests.Tables;

/// <summary>mappings.yaml: what issuers' options make of tokens, through configuration, signature and all.</summary>
public sealed class MappingTests
{
    private static readonly IReadOnlyList<JsonObject> Rows = YamlTable.Read("mappings.yaml");

    public static TheoryData<string> Names => [.. Rows.Select(YamlTable.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Claims_become_callers(string name)
    {
        var row = Rows.Single(r => YamlTable.Name(r) == name);
        var time = new ManualTime();
        await using var server = await TestIssuer.StartAsync();
        using var configuration = new MemoryStream(Encoding.UTF8.GetBytes(row["issuer"]!.ToJsonString()));
        var options = new ConfigurationBuilder().AddJsonStream(configuration).Build().Get<IssuerOptions>(o => o.ErrorOnUnknownConfiguration = true) ?? new IssuerOptions();
        // A preset's issuer is somewhere else; here its documents are on loopback.
        server.ClaimedIssuer = options.Preset is null or IssuerPresets.Azure or IssuerPresets.Kubernetes ? null : IssuerPresets.Apply(options).Issuer;
        options = options with { Realm = "it", Audiences = ["jitgrains"], Algorithms = ["ES256"], Discovery = server.Issuer + "/.well-known/openid-configuration" };
        if (server.ClaimedIssuer is null)
            options = options with { Issuer = server.Issuer };

        var claims = YamlTable.Patched(server.Claims(time.GetUtcNow()), row["claims"]);
        if (server.ClaimedIssuer is not null)
            claims["iss"] = server.ClaimedIssuer;
        using var validator = new TokenValidator([options], time, NullLogger<TokenValidator>.Instance);
        var result = await validator.ValidateAsync(new Credentials($"Bearer {server.Sign(claims)}"), time.GetUtcNow(), CancellationToken.None);
        if (row["refused"] is { } refused)
        {
            Assert.Equal(refused.GetValue<string>(), Assert.IsType<TokenResult.Invalid>(result).Code);
            return;
        }

        Assert.True(result is TokenResult.Valid, result.ToString());
        var caller = ((TokenResult.Valid)result).Caller;
        Assert.Equal(row["is"]!.GetValue<string>(), caller.Key);
        if (row["groups"] is { } groups)
            Assert.Equal(groups.AsArray().Select(g => g!.GetValue<string>()).Order(StringComparer.Ordinal), caller.Groups.Order(StringComparer.Ordinal));
        if (row["behind"] is { } behind)
            Assert.Equal(behind.AsArray().Select(g => g!.GetValue<string>()), caller.Excluded.Select(p => p.Value));
    }

    [Theory]
    [InlineData("""{"Preset": "github"}""", "Preset is one of github-actions, gitlab, azure, kubernetes")]
    [InlineData("""{"Preset": "github-actions"}""", "everybody can get tokens of https://token.actions.githubusercontent.com for any audience")]
    [InlineData("""{"Preset": "gitlab", "RequiredClaims": [{"Claim": "namespace_path"}]}""", "everybody can get tokens of https://gitlab.com")]
    [InlineData("""{"Preset": "azure"}""", "Issuer is an absolute https address")]
    [InlineData("""{"Issuer": "https://a.example.com", "Principals": [{"Template": "{a}-{b}"}]}""", "Principals:0:Template has a colon between any two names")]
    [InlineData("""{"Issuer": "https://a.example.com", "Principals": [{"Template": "user"}]}""", "Template names no claim in braces")]
    [InlineData("""{"Issuer": "https://a.example.com", "Principals": [{"Template": "{a"}]}""", "Template has an opening brace")]
    [InlineData("""{"Issuer": "https://a.example.com", "Principals": [{"Pattern": "(a)\\1"}]}""", "Principals:0:Pattern is no regular expression")]
    [InlineData("""{"Issuer": "https://a.example.com", "GroupsPattern": "("}""", "GroupsPattern is no regular expression")]
    [InlineData("""{"Issuer": "https://a.example.com", "GroupsTemplate": "{x}"}""", "GroupsTemplate needs a GroupsPattern")]
    [InlineData("""{"Issuer": "https://a.example.com", "TriggeredBy": ["{actor}"]}""", "TriggeredBy begins with a kind")]
    [InlineData("""{"Issuer": "https://a.example.com", "People": [{"Name": "a", "Principal": "corp:user:a"}]}""", "People says who TriggeredBy is")]
    [InlineData("""{"Issuer": "https://a.example.com", "PrincipalClaim": "a", "Principals": [{"Claim": "b"}]}""", "PrincipalClaim, Principals: give one of the two")]
    [InlineData("""{"Issuer": "https://a.example.com", "KeysServe": "8.00:00:00"}""", "KeysServe is from 1 minute to 7 days")]
    [InlineData("""{"Issuer": "https://a.example.com", "CaFile": "/nowhere/ca.pem"}""", "CaFile: there is no such file")]
    [InlineData("""{"Issuer": "https://a.example.com", "Discovery": "http://a.example.com"}""", "Discovery is an absolute https address")]
    [InlineData("""{"Issuer": "https://a.example.com", "GroupsAtMost": "0"}""", "GroupsAtMost is at least 1")]
    public void What_is_wrong_with_options_is_said_at_start(string json, string expected)
    {
        using var configuration = new MemoryStream(Encoding.UTF8.GetBytes(json));
        var options = new ConfigurationBuilder().AddJsonStream(configuration).Build().Get<IssuerOptions>()! with { Realm = "it", Audiences = ["jitgrains"] };
        Assert.Contains(IssuerOptions.ProblemsOf([options]), p => p.Contains(expected, StringComparison.Ordinal));
    }
}
