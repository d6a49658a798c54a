using System.Net;
using Azure.Core;
using Azure.Identity;
using JitGrains.Gateway.Injection;
using JitGrains.GatewayTests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace JitGrains.GatewayTests.Injection;

/// <summary>Key vaults by their documented REST API, played by a local one; nothing here was run against Azure.</summary>
public sealed class KeyVaultTests
{
    private int status = 200;
    private string secret = "vault-secret-1";

    [Fact]
    public async Task A_secret_is_read_as_documented_and_kept_while_the_vault_is_away_but_not_once_it_is_denied()
    {
        await using var vault = await OrdersUpstream.Start(Answer);
        var time = new ManualTime();
        using var http = new HttpClient();
        var identity = new FakeIdentity();
        var reader = new SecretReader(Vaults(http, identity), time, NullLogger<SecretReader>.Instance);
        // References are to https; the address is the vault's own here.
        var kept = new Kept<SecretValue>("secret", () => Vaults(http, identity).Fetch(new Uri(vault.Address, "/secrets/orders-key")), time, NullLogger.Instance);

        Assert.Equal("vault-secret-1", (await kept.Get())!.Text.Reveal());
        var seen = vault.Seen.Last();
        Assert.Equal(("GET", "/secrets/orders-key?api-version=7.4", "Bearer token-for-https://vault.azure.net/.default"), (seen.Method, seen.Target, seen.Headers["Authorization"]));
        await kept.Get();
        Assert.Single(vault.Seen);

        // Renewed after five minutes, without anybody waiting for that.
        secret = "vault-secret-2";
        time.Advance(TimeSpan.FromMinutes(5));
        Assert.NotNull(await kept.Get());
        await Eventually.Get(async () => (await kept.Get())!.Text.Reveal() == "vault-secret-2" ? "" : null);

        status = 500;
        time.Advance(TimeSpan.FromMinutes(30));
        Assert.Equal("vault-secret-2", (await kept.Get())!.Text.Reveal());
        time.Advance(TimeSpan.FromMinutes(31));
        Assert.Null(await kept.Get());
        status = 200;
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.NotNull(await kept.Get());

        status = 403;
        time.Advance(TimeSpan.FromMinutes(6));
        await Eventually.Get(async () => await kept.Get() is null ? "" : null);

        // Azure gives no token.
        status = 200;
        identity.Fails = true;
        time.Advance(TimeSpan.FromMinutes(6));
        Assert.Null(await kept.Get());

        // By a whole reference: the address is Azure's, which is not there.
        Assert.True(SecretReference.TryParse("azure-key-vault:https://nowhere.invalid/secrets/a", out var elsewhere, out _));
        Assert.Null(await reader.Read(elsewhere));
    }

    [Theory]
    [InlineData("https://v.vault.azure.net/secrets/a", "https://vault.azure.net/.default")]
    [InlineData("https://v.vault.azure.cn/secrets/a/0123", "https://vault.azure.cn/.default")]
    [InlineData("https://v.vault.usgovcloudapi.net/secrets/a", "https://vault.usgovcloudapi.net/.default")]
    [InlineData("https://vault.azure.net.example.com/secrets/a", null)]
    [InlineData("https://example.com/secrets/a", null)]
    public async Task Only_vaults_get_a_token_and_one_for_their_own_cloud(string address, string? scope)
    {
        using var http = new HttpClient();
        var vaults = new KeyVaultSecrets(http, new Lazy<TokenCredential>(() => throw new InvalidOperationException("no token is asked for")));
        Assert.Equal(scope, vaults.ScopeOf(new Uri(address)));
        if (scope is null)
            Assert.Null((await vaults.Fetch(new Uri(address))).Value);
    }

    private static KeyVaultSecrets Vaults(HttpClient http, TokenCredential identity) => new(http, new Lazy<TokenCredential>(identity))
    {
        ScopeOf = address => address.IsLoopback ? "https://vault.azure.net/.default" : null,
    };

    private Task Answer(HttpContext context)
    {
        context.Response.StatusCode = status;
        return status == 200
            ? context.Response.WriteAsJsonAsync(new { value = secret, id = "https://v.vault.azure.net/secrets/orders-key/1", attributes = new { enabled = true } })
            : context.Response.WriteAsJsonAsync(new { error = new { code = "Forbidden", message = "no" } });
    }

    private sealed class FakeIdentity : TokenCredential
    {
        public bool Fails { get; set; }

        public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken) =>
            Fails ? throw new AuthenticationFailedException("no identity") : new AccessToken("token-for-" + requestContext.Scopes[0], DateTimeOffset.MaxValue);

        public override ValueTask<AccessToken> GetTokenAsync(TokenRequestContext requestContext, CancellationToken cancellationToken) =>
            ValueTask.FromResult(GetToken(requestContext, cancellationToken));
    }
}
