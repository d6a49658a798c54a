using System.Net;
using JitGrains.Approvals;
using JitGrains.Gateway.Holds;
using JitGrains.GatewayTests.Support;
using JitGrains.Grants;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Holds;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.GatewayTests.Calls;

/// <summary>A held call learns of its grant by the bus, where anybody with a login to the database can send: nothing runs because of what was told.</summary>
public sealed class ToldGrantTests
{
    [Theory]
    [InlineData("signed by nobody")]
    [InlineData("signed by another")]
    [InlineData("signed, and never given")]
    public async Task A_grant_that_its_holders_grain_does_not_have_runs_nothing(string what)
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        var held = gateway.Send("PUT", "/orders/42/closed", alice, headers: ("Prefer", "wait=30"));
        var id = await gateway.PendingRequest(bob);
        await Eventually.Holds(() => gateway.Services.GetRequiredService<HoldRoom>().Held == 1);
        var asked = await Asked(gateway, id);
        using var foreign = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        var told = what switch
        {
            "signed by nobody" => asked,
            "signed by another" => new GrantSigner(foreign).Sign(asked),
            _ => gateway.Services.GetRequiredService<GrantSigner>().Sign(asked),
        };

        gateway.Services.GetRequiredService<IClusterBus>().Publish(new BusMessage(BusTopics.View, asked.CallerKey, GrantNews.Print(id, told)));

        Assert.Equal(HttpStatusCode.Forbidden, (await held).Status);
        Assert.Empty(upstream.Seen);
        // Nothing is lost for the caller: once it is approved, the call runs.
        await gateway.Vote(bob, id);
        await gateway.Settled(alice, id);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("PUT", "/orders/42/closed", alice, headers: ("Jit-Request", id))).Status);
        Assert.Single(upstream.Seen);
    }

    /// <summary>The grant that an approval would create, unsigned: what policy and the held call make of it.</summary>
    private static async Task<Grant> Asked(GatewayFixture gateway, string id)
    {
        var view = (await gateway.Services.GetRequiredService<IGrainFactory>().GetGrain<IApprovalRequestGrain>(id).Get()).Value!;
        var now = TimeProvider.System.GetUtcNow();
        return new Grant
        {
            Id = Grant.IdFor(id),
            RequestId = id,
            Principal = view.Principal,
            Api = view.Api,
            Action = view.Action,
            Binding = view.Binding,
            Resource = view.Resource,
            NotBefore = now,
            ExpiresAt = now + TimeSpan.FromMinutes(5),
            Uses = 1,
            Rule = view.Rule,
            PolicyVersion = view.PolicyVersion,
            Epoch = gateway.Services.GetRequiredService<IStoreEpoch>().Current,
            Votes = [new RecordedVote { Approver = new Identity.PrincipalId("dev:user:bob"), Groups = [.. view.Stages.SelectMany(s => s.Groups)], Decision = VoteDecision.Approve, At = now }],
        };
    }
}
