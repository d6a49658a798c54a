using System.Text.Json.Nodes;
using JitGrains.Identity;
using JitGrains.TestSupport;

namespace JitGrains.UnitTests.Silo;

/// <summary>Votes at the control plane: how fresh and how strong the approver's sign-in is.</summary>
public sealed class StepUpEndpointTests : IAsyncLifetime
{
    private SiloHost host = null!;

    public async Task InitializeAsync() => host = await SiloHost.StartAsync();

    public async Task DisposeAsync() => await host.DisposeAsync();

    [Fact]
    public async Task A_vote_needs_a_token_of_the_last_ten_minutes_and_reading_does_not()
    {
        var id = await host.Raise(Sample.Ask());
        var token = host.Token("bob");
        host.Time.Advance(TimeSpan.FromMinutes(10) + TimeSpan.FromSeconds(1));
        var digest = (await host.Send(token, "GET", $"/api/v1/requests/{id}")).Json!["request"]!["digest"]!.GetValue<string>();
        var vote = $$"""{"decision":"approve","digest":"{{digest}}"}""";

        var stale = await host.Send(token, "POST", $"/api/v1/requests/{id}/votes", vote);
        Assert.Equal((401, "sign-in-needed", 600), (stale.Status, stale.Problem, stale.Json!["max_age_seconds"]!.GetValue<int>()));
        Assert.Equal("Bearer realm=\"jitgrains\", error=\"insufficient_user_authentication\", error_description=\"Another sign-in is needed\", max_age=\"600\"", stale.Challenge);
        Assert.Equal(200, (await host.Send(host.Token("bob"), "POST", $"/api/v1/requests/{id}/votes", vote)).Status);
    }

    [Fact]
    public async Task A_stage_that_demands_a_strong_sign_in_challenges_by_RFC_9470_and_takes_the_vote_after_one()
    {
        var demand = new SignInDemand { MaxAgeSeconds = 120, Acr = ["urn:gold", "urn:platinum"], Amr = ["mfa"] };
        var id = await host.Raise(Sample.Ask(terms: Sample.Terms(Sample.Stage() with { SignIn = demand })));
        var shown = (await host.As("bob", "GET", $"/api/v1/requests/{id}")).Json!["request"]!;
        Assert.Equal(120, shown["stages"]![0]!["sign_in"]!["max_age_seconds"]!.GetValue<int>());
        var vote = $$"""{"decision":"approve","digest":"{{shown["digest"]}}"}""";

        var weak = await host.As("bob", "POST", $"/api/v1/requests/{id}/votes", vote);
        Assert.Equal((401, "sign-in-needed"), (weak.Status, weak.Problem));
        Assert.Contains("error=\"insufficient_user_authentication\"", weak.Challenge, StringComparison.Ordinal);
        Assert.EndsWith("acr_values=\"urn:gold urn:platinum\", max_age=\"120\"", weak.Challenge, StringComparison.Ordinal);
        Assert.Equal("mfa", weak.Json!["amr"]![0]!.GetValue<string>());

        var claims = host.Issuer.Claims(host.Time.GetUtcNow());
        claims["sub"] = "bob";
        claims["groups"] = new JsonArray("managers");
        claims["auth_time"] = host.Time.GetUtcNow().AddSeconds(-30).ToUnixTimeSeconds();
        claims["acr"] = "urn:platinum";
        claims["amr"] = new JsonArray("pwd", "mfa");
        var strong = await host.Send(host.Issuer.Sign(claims), "POST", $"/api/v1/requests/{id}/votes", vote);
        Assert.Equal(200, strong.Status);
        await host.Idle();
        var recorded = (await host.As("bob", "GET", $"/api/v1/requests/{id}")).Json!["request"]!["votes"]![0]!["sign_in"]!;
        Assert.Equal("urn:platinum", recorded["acr"]!.GetValue<string>());
    }
}
