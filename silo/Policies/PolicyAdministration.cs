using System.Collections.Immutable;
using JitGrains.Gateways;
using JitGrains.Identity;
using JitGrains.PolicyVersions;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Revocation;

namespace JitGrains.Silo.Policies;

/// <summary>What applying a policy did.</summary>
/// <param name="Sequence">Its number.</param>
/// <param name="Version">Its version.</param>
/// <param name="Before">The version before; absent for the first.</param>
/// <param name="Changed">Whether another policy is in force than before.</param>
/// <param name="GatewaysAcknowledged">Gateways that decide by it.</param>
/// <param name="GatewaysCondemned">Gateways that did not answer, or could not load it, and were waited out.</param>
/// <param name="Milliseconds">How long it took.</param>
public sealed record PolicyResult(long Sequence, string Version, string? Before, bool Changed, int GatewaysAcknowledged, int GatewaysCondemned, double Milliseconds);

/// <summary>Puts policies in force. When a method has returned a result, no gateway with a live lease decides by an older one. Thread-safe.</summary>
internal sealed class PolicyAdministration(
    IGrainFactory grains, StoredPolicyProvider provider, IInvalidationService gateways, IStoreEpoch epoch, IIdGenerator ids, TimeProvider time)
{
    /// <exception cref="StoreUnavailableException">The store does not answer, or went back meanwhile and may have forgotten it. To be repeated.</exception>
    public async Task<Reply<PolicyResult>> ApplyAsync(
        ImmutableArray<PolicyText> files, PrincipalId by, string? reason, string? expected, long? rolledBackTo = null)
    {
        var (began, inEpoch) = (time.GetTimestamp(), epoch.Current);
        var reply = await grains.GetGrain<IPolicyGrain>(IPolicyGrain.Key)
            .Apply(new ApplyPolicyCommand(ids.NewCommandId(), files, by, reason, expected, rolledBackTo));
        if (reply.Value is not { } applied)
            return reply.Refusal!;
        var what = new Invalidation.Policy(applied.Sequence, applied.Version);
        await provider.ApplyAsync(what, CancellationToken.None);
        // Also where it was in force before: whoever repeats a call whose answer was lost gets the same promise.
        var reached = await gateways.InvalidateAsync(what, CancellationToken.None);
        // A turn, which notices where the store went back.
        await HistoryAsync();
        StoreWentBack.Check(epoch, inEpoch);
        return new PolicyResult(
            applied.Sequence, applied.Version, applied.Before, applied.Changed, reached.Acknowledged, reached.Condemned, time.GetElapsedTime(began).TotalMilliseconds);
    }

    /// <summary>The latest versions, newest first.</summary>
    public async Task<ImmutableArray<PolicyEntry>> HistoryAsync() =>
        (await grains.GetGrain<IPolicyGrain>(IPolicyGrain.Key).GetHistory()).Entries;
}
