using JitGrains.Approvals;
using JitGrains.Outbox;
using JitGrains.Runtime;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Policies;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.UnitTests.Silo;

/// <summary>Asks as they come from gateways' outboxes, held against the policy in the store.</summary>
public sealed class AskCheckTests : IAsyncLifetime
{
    private SiloHost host = null!;

    public async Task InitializeAsync() => host = await SiloHost.StartAsync(policyInStore: true);

    public async Task DisposeAsync() => await host.DisposeAsync();

    [Fact]
    public async Task An_ask_that_its_policy_does_not_make_has_failed_and_says_why()
    {
        var honest = host.AskByPolicy(1);
        Assert.Equal(RequestStatus.Pending, await Deliver(honest));
        var forged = host.AskByPolicy(2);
        Assert.Equal(RequestStatus.Failed, await Deliver(forged with { Terms = forged.Terms with { Automatic = true } }));
        var weaker = host.AskByPolicy(3);
        Assert.Equal(RequestStatus.Failed, await Deliver(weaker with { Terms = weaker.Terms with { Stages = [weaker.Terms.Stages[0] with { Groups = ["dev:engineering"] }] } }));
        Assert.Null(await host.Services.GetRequiredService<IReadModel>().GetGrantByRequestAsync(forged.RequestId));

        var why = (await host.As("dave", "GET", "/api/v1/audit?type=request.failed")).Json!["items"]!.AsArray();
        Assert.Equal([forged.RequestId, weaker.RequestId], why.Select(e => e!["data"]!["request"]!.GetValue<string>()).Order(StringComparer.Ordinal));
        Assert.All(why, e => Assert.Equal("terms-not-of-policy", e!["data"]!["because"]!.GetValue<string>()));
        // Delivered once more, nothing is another.
        Assert.Equal(RequestStatus.Failed, await Deliver(forged));
    }

    [Fact]
    public async Task A_version_counts_while_it_is_in_force_and_a_while_after()
    {
        var early = host.AskByPolicy(1);
        var late = host.AskByPolicy(2);
        Assert.Equal(200, (await host.As("olga", "PUT", "/api/v1/policy", new System.Text.Json.Nodes.JsonObject { ["files"] = new System.Text.Json.Nodes.JsonObject { ["policy.yaml"] = SiloHost.Policy + "\n# another\n" } }.ToJsonString())).Status);
        Assert.Equal(RequestStatus.Pending, await Deliver(early));
        host.Time.Step(AskCheck.OnTheWay);
        Assert.Equal(RequestStatus.Failed, await Deliver(late));
        Assert.Equal(RequestStatus.Pending, await Deliver(host.AskByPolicy(3)));
        Assert.Equal(RequestStatus.Failed, await Deliver(host.AskByPolicy(4) is var made ? made with { Terms = made.Terms with { PolicyVersion = "sha256-0000000000000000" } } : null!));
    }

    private async Task<RequestStatus> Deliver(Ask ask)
    {
        await host.Services.GetRequiredService<IOutboxHandler>().HandleAsync(new GrainId("principal", ask.CallerKey), new OutboxRecord(1, new OutboxMessage.RaiseRequest(ask)), CancellationToken.None);
        await host.Idle();
        return (await host.Services.GetRequiredService<IGrainFactory>().GetGrain<IApprovalRequestGrain>(ask.RequestId).Get()).Value!.Status;
    }
}
