using System.Collections.Immutable;
using JitGrains.Gateways;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Principals;
using JitGrains.Runtime.Engine;

namespace JitGrains.Silo.Revocation;

/// <summary>What a revocation did.</summary>
/// <param name="GrantIds">The grants it ended; those that had ended before are not among them.</param>
/// <param name="GatewaysAcknowledged">Gateways that have dropped them.</param>
/// <param name="GatewaysCondemned">Gateways that did not answer and were waited out.</param>
/// <param name="Milliseconds">How long it took.</param>
public sealed record RevocationResult(ImmutableArray<string> GrantIds, int GatewaysAcknowledged, int GatewaysCondemned, double Milliseconds);

/// <summary>
/// Takes grants away. When a method has returned, nothing starts under them anywhere. Thread-safe; repeating a call is
/// safe and drops them from the gateways again.
/// </summary>
public interface IRevocationService
{
    /// <summary>Revokes one grant.</summary>
    Task<Reply<RevocationResult>> RevokeGrantAsync(string grantId, PrincipalId by, string? reason, CancellationToken cancellationToken);

    /// <summary>Revokes every grant of a principal, whether it calls itself or others act for it or it acts for others.</summary>
    Task<RevocationResult> RevokePrincipalAsync(PrincipalId principal, PrincipalId by, string? reason, CancellationToken cancellationToken);

    /// <summary>The holder gives one of its grants back.</summary>
    Task<Reply<RevocationResult>> ReleaseAsync(string callerKey, string grantId, CancellationToken cancellationToken);
}

/// <summary>Revokes in the principals' grains, then has every gateway forget.</summary>
internal sealed class RevocationService(
    IGrainFactory grains,
    IReadModel readModel,
    IInvalidationService gateways,
    IIdGenerator ids,
    TimeProvider time) : IRevocationService
{
    public async Task<Reply<RevocationResult>> RevokeGrantAsync(string grantId, PrincipalId by, string? reason, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        if (await readModel.GetGrantAsync(grantId, cancellationToken) is not { } grant)
            return new Refusal.NotFound("grant");
        var reply = await grains.GetGrain<IPrincipalGrain>(grant.CallerKey).Revoke(new RevokeCommand(ids.NewCommandId(), grantId, by, reason));
        return await FinishOneAsync(reply, grant.CallerKey, grantId, started, cancellationToken);
    }

    public async Task<Reply<RevocationResult>> ReleaseAsync(string callerKey, string grantId, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var reply = await grains.GetGrain<IPrincipalGrain>(callerKey).Release(grantId);
        return await FinishOneAsync(reply, callerKey, grantId, started, cancellationToken);
    }

    public async Task<RevocationResult> RevokePrincipalAsync(PrincipalId principal, PrincipalId by, string? reason, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var ended = ImmutableArray.CreateBuilder<string>();
        var reached = new InvalidationResult(0, 0);
        var keys = await readModel.ListCallerKeysAsync(principal, cancellationToken);
        foreach (var key in keys.Append(principal.Value).Distinct(StringComparer.Ordinal))
        {
            var reply = await grains.GetGrain<IPrincipalGrain>(key).Revoke(new RevokeCommand(ids.NewCommandId(), null, by, reason));
            ended.AddRange(reply.Value!.GrantIds);
            var result = await gateways.InvalidateAsync(new Invalidation.Grants(key, reply.Value.GrantIds, reply.Value.Version), cancellationToken);
            reached = new InvalidationResult(Math.Max(reached.Acknowledged, result.Acknowledged), reached.Condemned + result.Condemned);
        }

        return Result(ended.ToImmutable(), reached, started);
    }

    private async Task<Reply<RevocationResult>> FinishOneAsync(
        Reply<GrantsEnded> reply, string callerKey, string grantId, long started, CancellationToken cancellationToken)
    {
        if (reply.Value is not { } ended)
            return reply.Refusal!;
        // Also where it had ended before: whoever repeats a call whose answer was lost gets the same promise.
        var reached = await gateways.InvalidateAsync(new Invalidation.Grants(callerKey, [grantId], ended.Version), cancellationToken);
        return Result(ended.GrantIds, reached, started);
    }

    private RevocationResult Result(ImmutableArray<string> grantIds, InvalidationResult reached, long started) =>
        new(grantIds, reached.Acknowledged, reached.Condemned, time.GetElapsedTime(started).TotalMilliseconds);
}
