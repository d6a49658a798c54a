using JitGrains.Gateways;

namespace JitGrains.Silo.Revocation;

/// <summary>
/// A part of a gateway that relies on something remembered. All of them have to have applied an invalidation before the
/// gateway acknowledges it. Thread-safe.
/// </summary>
public interface IInvalidationTarget
{
    /// <summary>
    /// Forgets what the invalidation says, loads what must be known instead, and ends what has not started under it. What
    /// does not concern this part returns at once. When it returns, nothing starts by what was invalidated; throwing means
    /// that this could not be brought about, and the gateway gives up its lease.
    /// </summary>
    ValueTask ApplyAsync(Invalidation what, CancellationToken cancellationToken);
}

/// <summary>What an invalidation did.</summary>
/// <param name="Acknowledged">Gateways that have applied it.</param>
/// <param name="Condemned">Gateways that did not answer and were waited out.</param>
public sealed record InvalidationResult(int Acknowledged, int Condemned);

/// <summary>Reaches every gateway of the cluster. Thread-safe; repeating a call is safe.</summary>
public interface IInvalidationService
{
    /// <summary>
    /// Call it once what is invalidated is durable. When it returns, no gateway relies on it any more: each has applied it,
    /// or has been condemned and its lease waited out.
    /// </summary>
    Task<InvalidationResult> InvalidateAsync(Invalidation what, CancellationToken cancellationToken) => InvalidateAsync(what, null, cancellationToken);

    /// <summary>The same where gateways may have been told of it already, after it was durable.</summary>
    /// <param name="what">What is invalidated.</param>
    /// <param name="told">The mail by which they were told, whose acknowledgements have been listened for since before that; or null.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    Task<InvalidationResult> InvalidateAsync(Invalidation what, string? told, CancellationToken cancellationToken);
}
