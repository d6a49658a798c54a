using System.Collections.Immutable;
using JitGrains.Gateways;
using JitGrains.Identity;
using JitGrains.Restrictions;

namespace JitGrains.Silo.Revocation;

/// <summary>What a revocation or a block did.</summary>
/// <param name="GrantIds">The grants it ended; those that had ended before are not among them.</param>
/// <param name="GatewaysAcknowledged">Gateways that have applied it.</param>
/// <param name="GatewaysCondemned">Gateways that did not answer and were waited out.</param>
/// <param name="Milliseconds">How long it took.</param>
public sealed record RevocationResult(ImmutableArray<string> GrantIds, int GatewaysAcknowledged, int GatewaysCondemned, double Milliseconds);

/// <summary>Who takes something away, and how.</summary>
/// <param name="By">Who.</param>
/// <param name="Reason">Why, or null.</param>
/// <param name="Terminate">Whether running executions are cut even where their action drains.</param>
public sealed record RevocationOrder(PrincipalId By, string? Reason, bool Terminate = false);

/// <summary>A gateway incarnation and its lease.</summary>
/// <param name="Entry">The incarnation.</param>
/// <param name="Lease">Its lease as it stands.</param>
public sealed record GatewayStatus(GatewayEntry Entry, LeaseView Lease);

/// <summary>
/// Takes grants away. When a method has returned, nothing starts under them anywhere. Thread-safe; repeating a call is
/// safe and drops them from the gateways again. What throws has revoked in the store and may not have reached every
/// gateway: it is to be repeated.
/// </summary>
public interface IRevocationService
{
    /// <summary>Revokes one grant.</summary>
    Task<Reply<RevocationResult>> RevokeGrantAsync(string grantId, RevocationOrder order, CancellationToken cancellationToken);

    /// <summary>Revokes every grant of a principal, whether it calls itself or others act for it or it acts for others.</summary>
    Task<RevocationResult> RevokePrincipalAsync(PrincipalId principal, RevocationOrder order, CancellationToken cancellationToken);

    /// <summary>Revokes every grant approved up to now that has this in common, those still on their way too.</summary>
    Task<Reply<RevocationResult>> RevokeMatchingAsync(GrantSelector selector, RevocationOrder order, CancellationToken cancellationToken);

    /// <summary>The holder gives one of its grants back.</summary>
    Task<Reply<RevocationResult>> ReleaseAsync(string callerKey, string grantId, CancellationToken cancellationToken);

    /// <summary>Refuses every call of a principal, under allow rules too, until it is unblocked. Its grants stay as they are.</summary>
    Task<Reply<RevocationResult>> BlockAsync(PrincipalId principal, RevocationOrder order, CancellationToken cancellationToken);

    /// <summary>Ends a block.</summary>
    Task<Reply<RevocationResult>> UnblockAsync(PrincipalId principal, RevocationOrder order, CancellationToken cancellationToken);

    /// <summary>Who is blocked.</summary>
    Task<ImmutableArray<PrincipalBlock>> ListBlocksAsync(CancellationToken cancellationToken);

    /// <summary>The gateway incarnations that are registered or not yet forgotten.</summary>
    Task<ImmutableArray<GatewayStatus>> ListGatewaysAsync(CancellationToken cancellationToken);
}
