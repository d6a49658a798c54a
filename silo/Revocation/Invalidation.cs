using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace JitGrains.Silo.Revocation;

/// <summary>What gateways must no longer rely on.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(Grants), "grants")]
[JsonDerivedType(typeof(Policy), "policy")]
[JsonDerivedType(typeof(Restrictions), "restrictions")]
public abstract record Invalidation
{
    private Invalidation() { }

    /// <summary>Grants of one caller ended.</summary>
    /// <param name="CallerKey">The principal grain's key.</param>
    /// <param name="GrantIds">The grants that ended.</param>
    /// <param name="Version">The view's version from which on they are gone: an older view must not be used any more.</param>
    /// <param name="Terminate">Whether running executions are cut even where their action drains.</param>
    public sealed record Grants(string CallerKey, ImmutableArray<string> GrantIds, long Version, bool Terminate = false) : Invalidation;

    /// <summary>Another policy is in force: whoever decides by an older one must load it first.</summary>
    /// <param name="Sequence">The number of the applied policy.</param>
    /// <param name="Version">Its version.</param>
    public sealed record Policy(long Sequence, string Version) : Invalidation;

    /// <summary>The restrictions changed: blocked principals, and grants revoked by what they have in common.</summary>
    /// <param name="Version">Their version; whoever knows an older one must load them first.</param>
    /// <param name="Terminate">Whether running executions that they forbid are cut even where their action drains.</param>
    public sealed record Restrictions(long Version, bool Terminate = false) : Invalidation;
}

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
    Task<InvalidationResult> InvalidateAsync(Invalidation what, CancellationToken cancellationToken);
}

/// <summary>Invalidation within one process: its parts are called directly, and no lease has to be waited out.</summary>
internal sealed class InProcessInvalidation(IEnumerable<IInvalidationTarget> targets) : IInvalidationService
{
    private readonly IInvalidationTarget[] targets = [.. targets];

    public async Task<InvalidationResult> InvalidateAsync(Invalidation what, CancellationToken cancellationToken)
    {
        foreach (var target in targets)
            await target.ApplyAsync(what, cancellationToken);
        return new InvalidationResult(1, 0);
    }
}
