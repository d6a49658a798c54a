using System.Net;
using JitGrains.GatewayTests.Support;
using JitGrains.IdentityTests.Provider;

namespace JitGrains.IdentityTests.Calls;

/// <summary>People of a real provider through the whole process, and what becomes of them while it is down.</summary>
public sealed class ProviderTests : IAsyncLifetime
{
    private OidcProvider provider = null!;
    private OrdersUpstream upstream = null!;
    private GatewayFixture gateway = null!;

    public async Task InitializeAsync()
    {
        (provider, upstream) = (await OidcProvider.Start(), await OrdersUpstream.Start());
        gateway = await GatewayFixture.Start(upstream.Address, Policies.Orders.Replace("realm: dev", "realm: corp", StringComparison.Ordinal), settings: new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Issuers:0:Realm"] = "corp",
            ["Issuers:0:Issuer"] = provider.Issuer,
            ["Issuers:0:Audiences:0"] = OidcProvider.Audience,
            ["Issuers:0:KindClaim"] = "kind",
        });
    }

    public async Task DisposeAsync()
    {
        await gateway.DisposeAsync();
        await upstream.DisposeAsync();
        await provider.DisposeAsync();
    }

    [Fact]
    public async Task Somebody_asks_and_somebody_else_approves()
    {
        var (alice, bob) = ((await provider.SignIn("alice")).Access, (await provider.SignIn("bob")).Access);
        var held = gateway.Send("POST", "/orders/42/refunds", alice, new { amount = 10 });
        var id = await gateway.PendingRequest(bob);
        Assert.Equal(HttpStatusCode.Forbidden, (await gateway.Approver("POST", $"requests/{id}/votes", alice, new { decision = "approve", digest = "x" })).Status);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Vote(bob, id)).Status);
        Assert.Equal(HttpStatusCode.OK, (await held).Status);
    }

    [Fact]
    public async Task While_the_provider_is_down_what_can_be_checked_is_and_nothing_else()
    {
        var known = (await provider.SignIn("alice")).Access;
        var sameKey = (await provider.ClientCredentials()).Access;
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/1", known)).Status);
        await provider.Rotate();
        var newKey = (await provider.ClientCredentials()).Access;
        await provider.Stop();

        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/1", known)).Status);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/1", sameKey)).Status);
        // Once it has been asked in vain; before that, its keys were fetched a moment ago, and this was none of them.
        var refused = await Eventually.Get(async () => await gateway.Send("GET", "/orders/1", newKey) is { Status: HttpStatusCode.ServiceUnavailable } answer ? answer : null);
        Assert.Equal("unavailable", refused.Problem);
        Assert.Equal("The keys of the token's issuer cannot be fetched.", refused.Json["detail"]!.GetValue<string>());
        Assert.NotNull(refused.Header("Retry-After"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await gateway.Approver("GET", "requests", newKey)).Status);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/1", known)).Status);

        await provider.StartAgain();
        await Eventually.Get(async () => (await gateway.Send("GET", "/orders/1", newKey)).Status == HttpStatusCode.OK ? "yes" : null);
    }
}
