using System.Collections.Immutable;
using JitGrains.Gateways;
using JitGrains.PolicyVersions;
using JitGrains.Policy;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Revocation;
using JitGrains.Silo.Telemetry;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace JitGrains.Silo.Policies;

/// <summary>
/// The cluster's one policy, from the store. It is told of a new version before whoever applied that has their answer, and
/// looks by itself every few seconds. A version is never replaced by an earlier one, but by what an older copy of the store has
/// once that is in its place. Where the store has none yet, a silo
/// applies its configured files, and a gateway waits for that.
/// </summary>
internal sealed partial class StoredPolicyProvider(
    SiloOptions options, IPolicyStore store, IStoreEpoch epoch, IGrainFactory grains, SiloMetrics metrics, TimeProvider time, ILogger<StoredPolicyProvider> logger)
    : BackgroundService, IPolicyProvider, IInvalidationTarget
{
    private static readonly TimeSpan FirstLook = TimeSpan.FromMilliseconds(250);

    private readonly SemaphoreSlim loading = new(1, 1);
    private readonly TaskCompletionSource first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Loaded? loaded;

    /// <inheritdoc/>
    public event EventHandler<PolicyChangedEventArgs>? Changed;

    /// <inheritdoc/>
    public CompiledPolicy Current => Now.Policy;

    /// <inheritdoc/>
    public PolicyStatus Status => Now.Status;

    /// <summary>Completes once a policy is loaded.</summary>
    internal Task WhenLoaded => first.Task;

    /// <summary>The number of the version in force here.</summary>
    public long Sequence => Now.Sequence;

    private Loaded Now => Volatile.Read(ref loaded) ?? throw new InvalidOperationException("No policy is loaded yet.");

    /// <inheritdoc/>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        if (options.Role.RunsSilo())
            await AtStart.Reach(ApplyConfigured, time, cancellationToken);
        while (await AtStart.Reach(() => store.GetPolicyHeadAsync(cancellationToken), time, cancellationToken) is null)
        {
            if (options.Role.RunsSilo() || time.GetElapsedTime(began) > AtStart.Within)
                throw new StartupException("The store holds no policy yet: start a silo with --policy PATH, which applies it as the first version.");
            await Task.Delay(FirstLook, time, cancellationToken);
        }

        await AtStart.Reach(() => LoadAsync(atLeast: 1, cancellationToken), time, cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask ApplyAsync(Invalidation what, CancellationToken cancellationToken)
    {
        if (what is Invalidation.Policy policy)
            await LoadAsync(policy.Sequence, cancellationToken);
        else if (what is Invalidation.Everything)
            await LookAsync(cancellationToken);
    }

    /// <summary>Looks once whether there is a later version.</summary>
    internal Task LookAsync(CancellationToken cancellationToken) => LoadAsync(atLeast: 0, cancellationToken);

    public override void Dispose()
    {
        loading.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.PolicyPoll, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await LookAsync(stoppingToken);
                Degrade(null);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                LogNotLoaded(logger, e);
                Degrade(e is StartupException failed ? [.. failed.Problems] : ["The latest version cannot be read from the store."]);
            }
        }
    }

    private async Task LoadAsync(long atLeast, CancellationToken cancellationToken)
    {
        await loading.WaitAsync(cancellationToken);
        try
        {
            // Read before the store is: what another epoch has is looked at again. The store is asked also where this version is in force by its
            // number: one that went back to an older copy has given the number to another, and this process may not know of it yet.
            var current = epoch.Current;
            var head = await store.GetPolicyHeadAsync(cancellationToken);
            if (head is null ? atLeast == 0 : loaded is { } now && now.Epoch == current && (now.Sequence == head.Sequence ? now.Version == head.Version : atLeast == 0 && now.Sequence > head.Sequence))
                return;
            var stored = head is null ? null : await store.GetPolicyAsync(head.Sequence, cancellationToken);
            if (stored is null || stored.Sequence < atLeast)
                throw new InvalidOperationException($"The store does not show version {atLeast} of the policy.");
            Take(stored, current);
        }
        finally
        {
            loading.Release();
        }
    }

    private void Take(StoredPolicy stored, string current)
    {
        var result = PolicyLoader.Load([.. stored.Files.Select(f => new PolicyFile(f.Name, f.Text))]);
        var problems = result.Problems.Select(p => p.ToString()).ToImmutableArray();
        // Another program's policy: one of a later version may have taken what this one cannot.
        if (result.Policy is not { } policy)
            throw new StartupException([$"Version {stored.Sequence} of the policy cannot be taken by this program:", .. problems]);
        if (options.Upstreams.ProblemsOf(policy).ToArray() is { Length: > 0 } forbidden)
            throw new StartupException([$"Version {stored.Sequence} of the policy wants what the configuration of this process does not let it:", .. forbidden]);
        var before = loaded;
        Volatile.Write(ref loaded, new Loaded(
            stored.Sequence, stored.Version, current, policy, new PolicyStatus(policy.Version, false, time.GetUtcNow(), [.. stored.Files.Select(f => f.Name)], problems)));
        first.TrySetResult();
        LogInForce(logger, policy.Version, stored.Sequence);
        if (before is null || (before.Sequence == stored.Sequence && before.Policy.Version == policy.Version))
            return;
        metrics.PolicyReload("taken");
        Changed?.Invoke(this, new PolicyChangedEventArgs(policy));
    }

    /// <summary>Says in readiness and metrics that what is in force here may not be the latest, or that it is again.</summary>
    private void Degrade(ImmutableArray<string>? problems)
    {
        var now = Now;
        if (now.Status.Degraded == problems is not null)
            return;
        Interlocked.CompareExchange(ref loaded, now with { Status = now.Status with { Degraded = problems is not null, Problems = problems ?? [] } }, now);
        metrics.PolicyDegraded(problems is not null);
    }

    /// <summary>The configured files become the first version where there is none yet, or a later one where that is demanded.</summary>
    private async Task ApplyConfigured()
    {
        if (options.Policy.Length == 0 || (!options.PolicyForce && await store.GetPolicyHeadAsync() is not null))
            return;
        var files = PolicyFiles.Read(options.Policy);
        if (files.Trouble is not null)
            throw new StartupException(["The policy cannot be taken:", files.Trouble]);
        if (PolicyLoader.Load(files.Files).Policy is { } configured && options.Upstreams.ProblemsOf(configured).ToArray() is { Length: > 0 } forbidden)
            throw new StartupException(["The policy cannot be taken:", .. forbidden]);
        var command = new ApplyPolicyCommand(
            $"configured:{files.Fingerprint}:{(options.PolicyForce ? time.GetUtcNow().UtcTicks : 0)}",
            [.. files.Files.Select(f => new PolicyText(f.Name, f.Text))],
            By: null,
            options.PolicyForce ? "forced at the start of a silo" : "first start",
            Expected: options.PolicyForce ? null : "");
        var reply = await grains.GetGrain<IPolicyGrain>(IPolicyGrain.Key).Apply(command);
        // Where another silo was faster, its version stands.
        if (reply.Refusal is Refusal.PolicyInvalid invalid)
            throw new StartupException(["The policy cannot be taken:", .. invalid.Problems]);
    }

    [LoggerMessage(2310, LogLevel.Information, "Policy {Version} is in force, number {Sequence}")]
    private static partial void LogInForce(ILogger logger, string version, long sequence);

    [LoggerMessage(2311, LogLevel.Error, "A later policy than the one in force cannot be loaded")]
    private static partial void LogNotLoaded(ILogger logger, Exception exception);

    private sealed record Loaded(long Sequence, string Version, string Epoch, CompiledPolicy Policy, PolicyStatus Status);
}
