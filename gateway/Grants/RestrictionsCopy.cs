using System.Collections.Frozen;
using System.Collections.Immutable;
using JitGrains.Gateway.Executions;
using JitGrains.Gateway.Forwarding;
using JitGrains.Gateways;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Restrictions;
using JitGrains.Silo.Revocation;

namespace JitGrains.Gateway.Grants;

/// <summary>The restrictions as a gateway looks at them for each call: nothing is allocated. Immutable and thread-safe.</summary>
internal sealed class KnownRestrictions(RestrictionsView view)
{
    private readonly FrozenSet<string> blocked = view.Blocks.Select(b => b.Principal.Value).ToFrozenSet(StringComparer.Ordinal);
    private readonly ImmutableArray<MatchingRevocation> revocations = view.Revocations;

    /// <summary>Whether the subject, any actor or anybody else behind the call is blocked.</summary>
    public bool IsBlocked(Caller caller)
    {
        if (blocked.Count == 0)
            return false;
        if (blocked.Contains(caller.Principal.Value))
            return true;
        foreach (var actor in caller.Actors)
        {
            if (blocked.Contains(actor.Value))
                return true;
        }

        foreach (var behind in caller.Excluded)
        {
            if (blocked.Contains(behind.Value))
                return true;
        }

        return false;
    }

    /// <summary>Whether a grant with this start, in ticks of UTC, may be among the revoked: those that were approved later are not.</summary>
    public bool MayCover(long notBefore)
    {
        foreach (var revocation in revocations)
        {
            if (notBefore <= revocation.UpTo.UtcTicks)
                return true;
        }

        return false;
    }

    /// <summary>Whether the grant was revoked by what it has in common with others.</summary>
    public bool IsRevoked(Grant grant)
    {
        foreach (var revocation in revocations)
        {
            if (revocation.Covers(grant))
                return true;
        }

        return false;
    }
}

/// <summary>
/// This gateway's copy of the restrictions. A newer one is in place before what it forbids is ended, and whoever starts an
/// execution registers it before looking here: so one of the two sees the other. What it is told of is read from the store
/// every time, whatever version the copy has: in a store that went back to an older copy, the same version is something else.
/// Reads follow one another, so what was read last is the newest. Thread-safe.
/// </summary>
internal sealed class RestrictionsCopy(IGrainFactory grains, ExecutionRegistry registry) : IInvalidationTarget, IDisposable
{
    private readonly SemaphoreSlim loading = new(1, 1);
    private KnownRestrictions current = new(RestrictionsView.None);

    /// <summary>The newest that was loaded.</summary>
    public KnownRestrictions Current => Volatile.Read(ref current);

    /// <inheritdoc/>
    public async ValueTask ApplyAsync(Invalidation what, CancellationToken cancellationToken)
    {
        switch (what)
        {
            case Invalidation.Restrictions r:
                var version = await Load(cancellationToken);
                if (version < r.Version)
                    throw new InvalidOperationException($"The restrictions were read at version {version}, which is before {r.Version}.");
                await EndForbidden(r.Terminate, cancellationToken);
                break;
            case Invalidation.Everything:
                await Load(cancellationToken);
                await EndForbidden(terminate: false, cancellationToken);
                break;
            default:
                break;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => loading.Dispose();

    private async Task<long> Load(CancellationToken cancellationToken)
    {
        await loading.WaitAsync(cancellationToken);
        try
        {
            var view = await grains.GetGrain<IRestrictionsGrain>(IRestrictionsGrain.Key).Get().WaitAsync(cancellationToken);
            Volatile.Write(ref current, new KnownRestrictions(view));
            return view.Version;
        }
        finally
        {
            loading.Release();
        }
    }

    private async Task EndForbidden(bool terminate, CancellationToken cancellationToken)
    {
        var known = Current;
        await registry.EndWhere(e => known.IsBlocked(e.Caller), ForwardErrors.Blocked, terminate, cancellationToken);
        await registry.EndWhere(e => e.Grant is { } grant && known.IsRevoked(grant), ForwardErrors.GrantEnded, terminate, cancellationToken);
    }
}
