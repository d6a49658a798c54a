using System.Text.Json.Nodes;
using JitGrains.IdentityTests.Provider;
using JitGrains.Silo.Identity;
using Microsoft.Extensions.Logging.Abstractions;

namespace JitGrains.IdentityTests.Issuers;

/// <summary>Tokens of a real provider, got as real clients get them. The time is ours: a provider's tokens live by its clock, which is the machine's.</summary>
public sealed class RealProviderTests : IAsyncLifetime
{
    private readonly ManualTime time = new(TimeProvider.System.GetUtcNow());
    private OidcProvider provider = null!;
    private TokenValidator validator = null!;

    public async Task InitializeAsync()
    {
        provider = await OidcProvider.Start();
        validator = new TokenValidator([new IssuerOptions { Realm = "corp", Issuer = provider.Issuer, Audiences = [OidcProvider.Audience], KindClaim = "kind" }], time, NullLogger<TokenValidator>.Instance);
    }

    public async Task DisposeAsync()
    {
        validator.Dispose();
        await provider.DisposeAsync();
    }

    private async Task<string> Check(string token) => (await validator.ValidateAsync(new Credentials($"Bearer {token}"), time.GetUtcNow(), CancellationToken.None)) switch
    {
        TokenResult.Valid valid => $"{valid.Caller.Key} {string.Join(',', valid.Caller.Groups)}",
        TokenResult.Invalid invalid => invalid.Code,
        _ => "unavailable",
    };

    [Fact]
    public async Task Code_and_pkce_then_refresh()
    {
        var tokens = await provider.SignIn("alice");
        Assert.Equal("corp:user:alice corp:engineering", await Check(tokens.Access));
        var refreshed = await provider.Refresh(tokens.Refresh!);
        Assert.NotEqual(tokens.Access, refreshed.Access);
        Assert.Equal("corp:user:alice corp:engineering", await Check(refreshed.Access));
        // What is for the client is not for us.
        Assert.Equal(TokenCodes.Audience, await Check(tokens.Id!));
    }

    [Fact]
    public async Task Client_credentials() =>
        Assert.Equal("corp:service:billing corp:engineering", await Check((await provider.ClientCredentials()).Access));

    [Fact]
    public async Task Keys_that_rotate_and_keys_that_are_withdrawn()
    {
        var before = (await provider.ClientCredentials()).Access;
        Assert.StartsWith("corp:", await Check(before), StringComparison.Ordinal);
        await provider.Rotate();
        var after = (await provider.ClientCredentials()).Access;
        // The new key is asked for at once, but not sooner than the last time allows.
        Assert.Equal(TokenCodes.Key, await Check(after));
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.StartsWith("corp:", await Check(after), StringComparison.Ordinal);
        Assert.StartsWith("corp:", await Check(before), StringComparison.Ordinal);

        await provider.Rotate();
        await provider.Retire();
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.StartsWith("corp:", await Check((await provider.ClientCredentials()).Access), StringComparison.Ordinal);
        Assert.Equal(TokenCodes.Key, await Check(after));
    }

    [Fact]
    public async Task A_provider_that_is_down_and_comes_back()
    {
        var known = (await provider.ClientCredentials()).Access;
        var sameKey = (await provider.ClientCredentials()).Access;
        await provider.Stop();
        // Nothing was ever verified: nothing can be.
        Assert.Equal("unavailable", await Check(known));
        await provider.StartAgain();
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.StartsWith("corp:", await Check(known), StringComparison.Ordinal);

        await provider.Stop();
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.StartsWith("corp:", await Check(known), StringComparison.Ordinal);
        Assert.StartsWith("corp:", await Check(sameKey), StringComparison.Ordinal);
        time.Advance(TimeSpan.FromSeconds(700));
        Assert.Equal(TokenCodes.Expired, await Check(known));
    }
}
