using JitGrains.Gateways;
using JitGrains.Policy;
using JitGrains.PolicyVersions;
using JitGrains.Runtime.Engine;
using JitGrains.Silo;
using JitGrains.Silo.Policies;
using JitGrains.Silo.Telemetry;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace JitGrains.UnitTests.Silo;

/// <summary>The policy in a process' memory, and a store that is set back.</summary>
public sealed class StoredPolicyTests : IPolicyStore, IStoreEpoch
{
    private readonly List<StoredPolicy> versions = [];

    public event EventHandler? Changed
    {
        add { }
        remove { }
    }

    public string Current { get; private set; } = "1";

    [Fact]
    public async Task A_version_is_replaced_by_a_later_one_and_in_another_epoch_by_what_is_there()
    {
        await using var host = await SiloHost.StartAsync();
        using var provider = new StoredPolicyProvider(
            new SiloOptions { Issuers = [], Role = ProcessRole.Gateway }, this, this, host.Services.GetRequiredService<IGrainFactory>(), host.Services.GetRequiredService<SiloMetrics>(), new ManualTime(),
            NullLogger<StoredPolicyProvider>.Instance);
        Put(SiloHost.Policy);
        Put(SiloHost.Policy + "\n# second");
        Put(SiloHost.Policy + "\n# third");
        await provider.StartAsync(CancellationToken.None);
        Assert.Equal(3, provider.Sequence);

        // What is listed earlier, for whatever reason, takes no later one's place.
        var third = versions[2];
        versions.RemoveAt(2);
        await provider.LookAsync(CancellationToken.None);
        Assert.Equal(3, provider.Sequence);

        Current = "2";
        await provider.ApplyAsync(new Invalidation.Everything(), CancellationToken.None);
        Assert.Equal((2L, versions[1].Version), (provider.Sequence, provider.Current.Version));

        // The next that is applied has a number that the process had seen before.
        versions.Add(third with { Version = "other", Files = [new PolicyText("policy.yaml", SiloHost.Policy.Replace("quorum: 1", "quorum: 2", StringComparison.Ordinal))] });
        await provider.ApplyAsync(new Invalidation.Policy(3, "other"), CancellationToken.None);
        Assert.Equal(3, provider.Sequence);

        // The store goes back once more, and the process is told of the next version before it has noticed: the number is known, what it stands for is not.
        var known = provider.Current;
        versions[2] = third;
        await provider.ApplyAsync(new Invalidation.Policy(3, third.Version), CancellationToken.None);
        Assert.Equal((3L, third.Version), (provider.Sequence, provider.Current.Version));
        Assert.NotEqual(known.Version, provider.Current.Version);
        await provider.StopAsync(CancellationToken.None);
    }

    public Task<PolicyHead?> GetPolicyHeadAsync(CancellationToken cancellationToken = default) =>
        Task.FromResult(versions.Count == 0 ? null : new PolicyHead(versions[^1].Sequence, versions[^1].Version));

    public Task<StoredPolicy?> GetPolicyAsync(long sequence, CancellationToken cancellationToken = default) =>
        Task.FromResult(versions.Find(v => v.Sequence == sequence));

    private void Put(string text) => versions.Add(new StoredPolicy(
        versions.Count + 1,
        PolicyLoader.Load([new PolicyFile("policy.yaml", text)]).Policy!.Version,
        [new PolicyText("policy.yaml", text)],
        AppliedBy: null,
        DateTimeOffset.UnixEpoch,
        Reason: null));
}
