using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.PolicyVersions;
using JitGrains.Principals;
using JitGrains.Restrictions;
using JitGrains.Runtime;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Policies;
using JitGrains.Silo.Revocation;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.UnitTests.Silo;

/// <summary>What the control plane's own enforcement point holds against a grant before it takes a use of it, and what it owes afterwards.</summary>
public sealed class PolicyGateTests
{
    private static readonly PolicyChange Change = new(PolicyGate.Apply, "PUT", "/api/v1/policy", [new PolicyText("policy.yaml", SiloHost.Policy)], "sha256-1", "needed", null, "+# and more");

    [Fact]
    public async Task An_approved_change_goes_through_once()
    {
        await using var host = await Approved();
        var gate = host.Services.GetRequiredService<PolicyGate>();
        var open = Assert.IsType<GateAnswer.Open>(await gate.EnterAsync(Olga(host), Change, default));
        Assert.NotNull(open.Use);
        Assert.IsNotType<GateAnswer.Open>(await gate.EnterAsync(Olga(host), Change, default));
    }

    [Fact]
    public async Task An_approval_of_before_the_store_was_restored_opens_nothing()
    {
        await using var host = await Approved();
        var restored = ActivatorUtilities.CreateInstance<PolicyGate>(host.Services, new Restored());
        Assert.IsNotType<GateAnswer.Open>(await restored.EnterAsync(Olga(host), Change, default));
        Assert.IsType<GateAnswer.Open>(await host.Services.GetRequiredService<PolicyGate>().EnterAsync(Olga(host), Change, default));
    }

    [Fact]
    public async Task A_grant_still_on_its_way_when_all_like_it_were_revoked_opens_nothing()
    {
        await using var host = await SiloHost.StartAsync(policyInStore: true);
        await Guard(host);
        var request = await Ask(host);
        var revocation = host.Services.GetRequiredService<IRevocationService>();
        var selector = new GrantSelector(SelectorKind.Action, PolicyGate.Apply);
        Assert.NotNull((await revocation.RevokeMatchingAsync(selector, new RevocationOrder(Sample.Dave, "all of it"), CancellationToken.None)).Value);
        // Approved at the very time of the revocation, and delivered after it: nobody has revoked it by its name.
        Assert.Equal(200, (await host.Vote("bob", request)).Status);
        var grant = (await host.Services.GetRequiredService<IGrainFactory>().GetGrain<IPrincipalGrain>(Olga(host).Key).GetView()).Grants.Single().Grant;
        Assert.Equal(request, grant.RequestId);

        var gate = host.Services.GetRequiredService<PolicyGate>();
        Assert.IsNotType<GateAnswer.Open>(await gate.EnterAsync(Olga(host), Change, default));
    }

    [Fact]
    public async Task What_came_of_a_change_is_recorded_once_the_store_takes_it()
    {
        await using var host = await Approved();
        var open = Assert.IsType<GateAnswer.Open>(await host.Services.GetRequiredService<PolicyGate>().EnterAsync(Olga(host), Change, default));
        var busy = new BusyPrincipal(host.Services.GetRequiredService<IGrainFactory>(), times: 3, () => new StoreUnavailableException("busy", new TimeoutException()));
        var left = Gate(host, busy).LeaveAsync(open, done: true);
        while (!left.IsCompleted)
        {
            host.Time.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Yield();
        }

        await left;
        Assert.Equal((ExecutionStatus.Completed, 4), ((await Outcome(host, open))!.Status, busy.Asked));
    }

    [Fact]
    public async Task Who_made_a_change_has_the_answer_though_its_outcome_cannot_be_recorded()
    {
        await using var host = await Approved();
        var open = Assert.IsType<GateAnswer.Open>(await host.Services.GetRequiredService<PolicyGate>().EnterAsync(Olga(host), Change, default));
        var broken = new BusyPrincipal(host.Services.GetRequiredService<IGrainFactory>(), times: int.MaxValue, () => new InvalidOperationException("a bug"));
        await Gate(host, broken).LeaveAsync(open, done: true);
        Assert.Equal((null, 1), (await Outcome(host, open), broken.Asked));
    }

    private static async Task<SiloHost> Approved()
    {
        var host = await SiloHost.StartAsync(policyInStore: true);
        await Guard(host);
        Assert.Equal(200, (await host.Vote("bob", await Ask(host))).Status);
        return host;
    }

    private static async Task Guard(SiloHost host)
    {
        var body = new System.Text.Json.Nodes.JsonObject { ["files"] = new System.Text.Json.Nodes.JsonObject { ["policy.yaml"] = PolicyChangeTests.Guarded } };
        Assert.Equal(200, (await host.As("olga", "PUT", "/api/v1/policy", body.ToJsonString())).Status);
    }

    private static async Task<string> Ask(SiloHost host) =>
        Assert.IsType<GateAnswer.Pending>(await host.Services.GetRequiredService<PolicyGate>().EnterAsync(Olga(host), Change, default)).RequestId;

    private static Caller Olga(SiloHost host) => new()
    {
        Principal = new PrincipalId("dev:user:olga"),
        Groups = ["dev:operators"],
        TokenIssuedAt = host.Time.GetUtcNow(),
        TokenExpiresAt = host.Time.GetUtcNow().AddHours(1),
    };

    private static PolicyGate Gate(SiloHost host, IGrainFactory grains) => ActivatorUtilities.CreateInstance<PolicyGate>(host.Services, grains);

    private static async Task<ExecutionOutcome?> Outcome(SiloHost host, GateAnswer.Open open) =>
        (await host.Services.GetRequiredService<IReadModel>().GetExecutionAsync(open.Use!.Id))!.Outcome;

    private sealed class Restored : IStoreEpoch
    {
        public string Current => "another";

        public event EventHandler? Changed
        {
            add { }
            remove { }
        }
    }

    /// <summary>Principals whose store does not take an outcome for a while.</summary>
    private sealed class BusyPrincipal(IGrainFactory inner, int times, Func<Exception> busy) : IGrainFactory
    {
        public int Asked { get; private set; }

        public T GetGrain<T>(string primaryKey) where T : IGrainWithStringKey
        {
            Assert.Equal(typeof(IPrincipalGrain), typeof(T));
            // Only outcomes are recorded when a change is left.
            if (++Asked <= times)
                throw busy();
            return inner.GetGrain<T>(primaryKey);
        }
    }
}
