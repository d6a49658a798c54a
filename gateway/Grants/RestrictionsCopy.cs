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

    public long Version => view.Version;

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
/// execution registers it before looking here: so one of the two sees the other. Thread-safe.
/// </summary>
internal sealed class RestrictionsCopy(IGrainFactory grains, ExecutionRegistry registry) : IInvalidationTarget
{
    private KnownRestrictions current = new(RestrictionsView.None);

    /// <summary>The newest that was loaded.</summary>
    public KnownRestrictions Current => Volatile.Read(ref current);

    /// <inheritdoc/>
    public async ValueTask ApplyAsync(Invalidation what, CancellationToken cancellationToken)
    {
        switch (what)
        {
            case Invalidation.Restrictions r:
                if (Current.Version < r.Version)
                {
                    var view = await Load(cancellationToken);
                    if (view.Version < r.Version)
                        throw new InvalidOperationException($"The restrictions were read at version {view.Version}, which is before {r.Version}.");
                    Take(view, even: false);
                }

                await EndForbidden(r.Terminate, cancellationToken);
                break;
            case Invalidation.Everything:
                var read = await Load(cancellationToken);
                // Older than the copy: a newer one came in between, which reading again shows, or the store has gone back.
                if (read.Version < Current.Version)
                    Take(await Load(cancellationToken), even: true);
                else
                    Take(read, even: false);
                await EndForbidden(terminate: false, cancellationToken);
                break;
            default:
                break;
        }
    }

    private Task<RestrictionsView> Load(CancellationToken cancellationToken) =>
        grains.GetGrain<IRestrictionsGrain>(IRestrictionsGrain.Key).Get().WaitAsync(cancellationToken);

    private async Task EndForbidden(bool terminate, CancellationToken cancellationToken)
    {
        var known = Current;
        await registry.EndWhere(e => known.IsBlocked(e.Caller), ForwardErrors.Blocked, terminate, cancellationToken);
        await registry.EndWhere(e => e.Grant is { } grant && known.IsRevoked(grant), ForwardErrors.GrantEnded, terminate, cancellationToken);
    }

    /// <param name="view">What was loaded.</param>
    /// <param name="even">Also where the copy is newer.</param>
    private void Take(RestrictionsView view, bool even)
    {
        var loaded = new KnownRestrictions(view);
        while (Current is var known && (even || known.Version < loaded.Version))
        {
            if (Interlocked.CompareExchange(ref current, loaded, known) == known)
                return;
        }
    }
}
