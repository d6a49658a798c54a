using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Policy;
using JitGrains.Principals;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Revocation;
using JitGrains.Wire;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace JitGrains.Silo.Policies;

/// <summary>
/// After each change of policy, and at the start, revokes the grants that nobody could use any more. They would fail at their
/// next check all the same; so they also show as revoked, and the trail says why. Goes through the active grants in pages; a
/// sweep that was cut off is simply done again.
/// </summary>
internal sealed partial class PolicySweep(
    IPolicyProvider policies, IReadModel readModel, IGrainFactory grains, IRevocationService revocation, TimeProvider time, ILogger<PolicySweep> logger) : BackgroundService
{
    private const int PageSize = 200;
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(5);

    /// <summary>In whose name it revokes.</summary>
    private static readonly PrincipalId Sweeper = new("jitgrains:service:policy-sweep");

    private readonly SemaphoreSlim changed = new(1, 1);

    public override void Dispose()
    {
        changed.Dispose();
        base.Dispose();
    }

    /// <summary>Sweeps once; how many grants it revoked.</summary>
    internal async Task<int> SweepAsync(CancellationToken stopping)
    {
        var policy = policies.Current;
        var revoked = 0;
        var seen = new HashSet<string>(StringComparer.Ordinal);
        string? cursor = null;
        do
        {
            if (await readModel.ListGrantsAsync(new GrantFilter { Status = GrantStatus.Active }, cursor, PageSize, stopping) is not PageReply<GrantView>.Page page)
                break;
            // The votes are in the grain only; a caller's grants are looked at together.
            foreach (var callerKey in page.Items.Select(g => g.CallerKey).Where(seen.Add))
                revoked += await SweepCallerAsync(callerKey, policy, stopping);
            cursor = page.NextCursor;
        }
        while (cursor is not null);
        return revoked;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        policies.Changed += OnChanged;
        try
        {
            while (true)
            {
                await changed.WaitAsync(stoppingToken);
                while (!await TrySweepAsync(stoppingToken))
                    await Task.Delay(AfterTrouble, time, stoppingToken);
            }
        }
        finally
        {
            policies.Changed -= OnChanged;
        }
    }

    private async Task<bool> TrySweepAsync(CancellationToken stopping)
    {
        try
        {
            if (await SweepAsync(stopping) is > 0 and var revoked)
                LogSwept(logger, revoked, policies.Current.Version);
            return true;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogTrouble(logger, e);
            return false;
        }
    }

    private async Task<int> SweepCallerAsync(string callerKey, CompiledPolicy policy, CancellationToken stopping)
    {
        var view = await grains.GetGrain<IPrincipalGrain>(callerKey).GetView();
        var revoked = 0;
        foreach (var grant in view.Grants.Select(g => g.Grant).Where(g => !policy.CouldUse(g)))
        {
            stopping.ThrowIfCancellationRequested();
            var reply = await revocation.RevokeGrantAsync(grant.Id, new RevocationOrder(Sweeper, $"policy {policy.Version} no longer permits it"), CancellationToken.None);
            revoked += reply.Value?.GrantIds.Length ?? 0;
        }

        return revoked;
    }

    private void OnChanged(object? sender, PolicyChangedEventArgs e)
    {
        lock (changed)
        {
            if (changed.CurrentCount == 0)
                changed.Release();
        }
    }

    [LoggerMessage(2320, LogLevel.Information, "{Count} grants that policy {Version} no longer permits are revoked")]
    private static partial void LogSwept(ILogger logger, int count, string version);

    [LoggerMessage(2321, LogLevel.Warning, "The grants could not be held against the policy; trying again")]
    private static partial void LogTrouble(ILogger logger, Exception exception);
}
