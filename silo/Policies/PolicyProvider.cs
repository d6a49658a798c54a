using System.Collections.Immutable;
using JitGrains.Audit;
using JitGrains.Identity;
using JitGrains.Policy;
using JitGrains.Silo.Telemetry;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace JitGrains.Silo.Policies;

/// <summary>
/// Loads the policy when it is created, and again when its files changed. A change is taken on only when two looks in a row
/// saw the same content, so that a file that is still being written is never in force; what cannot be taken leaves the
/// last good policy in force and is said in the log, in metrics and in readiness. Each version is in the audit trail
/// before it decides anything.
/// </summary>
internal sealed partial class PolicyProvider : BackgroundService, IPolicyProvider
{
    private readonly SiloOptions options;
    private readonly IGrainFactory grains;
    private readonly IIdGenerator ids;
    private readonly SiloMetrics metrics;
    private readonly TimeProvider time;
    private readonly ILogger<PolicyProvider> logger;
    private CompiledPolicy current;
    private PolicyStatus status;
    private string taken;
    private string seen;

    /// <summary>Loads the policy.</summary>
    /// <exception cref="StartupException">It cannot be taken; every problem is listed with file and line.</exception>
    public PolicyProvider(SiloOptions options, IGrainFactory grains, IIdGenerator ids, SiloMetrics metrics, TimeProvider time, ILogger<PolicyProvider> logger)
    {
        (this.options, this.grains, this.ids, this.metrics, this.time, this.logger) = (options, grains, ids, metrics, time, logger);
        var files = PolicyFiles.Read(options.Policy);
        var (policy, problems) = Load(files);
        current = policy ?? throw new StartupException(["The policy cannot be taken:", .. problems]);
        status = new PolicyStatus(policy.Version, false, time.GetUtcNow(), [.. files.Files.Select(f => f.Name)], problems);
        taken = seen = files.Fingerprint;
    }

    /// <inheritdoc/>
    public event EventHandler<PolicyChangedEventArgs>? Changed;

    /// <inheritdoc/>
    public CompiledPolicy Current => Volatile.Read(ref current);

    /// <inheritdoc/>
    public PolicyStatus Status => Volatile.Read(ref status);

    /// <inheritdoc/>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        // Another try is the same entry: the first may have been written.
        var command = ids.NewCommandId();
        await AtStart.Reach(() => RecordAsync(current, null, command), time, cancellationToken);
        LogInForce(logger, current.Version);
        await base.StartAsync(cancellationToken);
    }

    /// <summary>Looks at the files once.</summary>
    internal async Task LookAsync()
    {
        var files = PolicyFiles.Read(options.Policy);
        var settled = files.Fingerprint == seen;
        seen = files.Fingerprint;
        if (!settled || files.Fingerprint == taken)
            return;

        var (policy, problems) = Load(files);
        if (policy is null)
        {
            taken = files.Fingerprint;
            Degrade(problems);
            return;
        }

        // Only now is it taken: where the trail cannot be written, the next look tries again.
        if (policy.Version != current.Version)
            await RecordAsync(policy, current.Version, ids.NewCommandId());
        taken = files.Fingerprint;
        var before = current.Version;
        Volatile.Write(ref current, policy);
        Volatile.Write(ref status, new PolicyStatus(policy.Version, false, time.GetUtcNow(), [.. files.Files.Select(f => f.Name)], problems));
        metrics.PolicyDegraded(false);
        if (policy.Version == before)
            return;
        metrics.PolicyReload("taken");
        LogInForce(logger, policy.Version);
        Changed?.Invoke(this, new PolicyChangedEventArgs(policy));
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.PolicyPoll, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await LookAsync();
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                LogNotRecorded(logger, e);
                // Whatever the files say next, and be it what they said before, is looked at anew.
                taken = "";
                Volatile.Write(ref status, status with { Degraded = true });
                metrics.PolicyDegraded(true);
            }
        }
    }

    private (CompiledPolicy? Policy, ImmutableArray<string> Problems) Load(PolicyFiles files)
    {
        if (files.Trouble is not null)
            return (null, [files.Trouble]);
        var result = PolicyLoader.Load(files.Files);
        var forbidden = result.Policy is { } policy ? options.Upstreams.ProblemsOf(policy).ToArray() : [];
        return (forbidden.Length == 0 ? result.Policy : null, [.. result.Problems.Select(p => p.ToString()), .. forbidden]);
    }

    private void Degrade(ImmutableArray<string> problems)
    {
        Volatile.Write(ref status, status with { Degraded = true, Problems = problems });
        metrics.PolicyDegraded(true);
        metrics.PolicyReload("rejected");
        LogRejected(logger, current.Version, string.Join("; ", problems));
    }

    private async Task RecordAsync(CompiledPolicy policy, string? before, string command)
    {
        List<AuditField> fields = [new("policy_version", policy.Version)];
        if (before is not null)
            fields.Add(new AuditField("before", before));
        await grains.GetGrain<ISystemChainGrain>(ISystemChainGrain.Key)
            .Record(new SystemRecord(command, AuditTypes.PolicyChanged, [.. fields]));
    }
}
