using System.Collections.Concurrent;
using System.Collections.Immutable;
using JitGrains.Gateways;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Principals;
using JitGrains.Restrictions;
using JitGrains.Runtime.Engine;
using JitGrains.Wire;

namespace JitGrains.Silo.Revocation;

/// <summary>Makes it durable in a grain, then has every gateway apply it.</summary>
internal sealed class RevocationService(
    IGrainFactory grains,
    IReadModel readModel,
    IInvalidationService gateways,
    CommitTelling telling,
    IStoreEpoch epoch,
    IIdGenerator ids,
    TimeProvider time) : IRevocationService
{
    /// <summary>Principals' grains that are told at once.</summary>
    private const int Parallelism = 16;

    private IRestrictionsGrain Restrictions => grains.GetGrain<IRestrictionsGrain>(IRestrictionsGrain.Key);

    public async Task<Reply<RevocationResult>> RevokeGrantAsync(string grantId, RevocationOrder order, CancellationToken cancellationToken)
    {
        var began = Begin();
        if (await readModel.GetGrantAsync(grantId, cancellationToken) is not { } grant)
            return new Refusal.NotFound("grant");
        using var along = telling.Expect(grantId, order.Terminate);
        var reply = await grains.GetGrain<IPrincipalGrain>(grant.CallerKey).Revoke(new RevokeCommand(ids.NewCommandId(), grantId, order.By, order.Reason));
        return await FinishOneAsync(reply, grant.CallerKey, grantId, along, began, cancellationToken);
    }

    public async Task<Reply<RevocationResult>> ReleaseAsync(string callerKey, string grantId, CancellationToken cancellationToken)
    {
        var began = Begin();
        using var along = telling.Expect(grantId, terminate: false);
        var reply = await grains.GetGrain<IPrincipalGrain>(callerKey).Release(grantId);
        return await FinishOneAsync(reply, callerKey, grantId, along, began, cancellationToken);
    }

    public async Task<RevocationResult> RevokePrincipalAsync(PrincipalId principal, RevocationOrder order, CancellationToken cancellationToken)
    {
        var began = Begin();
        var ended = new ConcurrentBag<string>();
        var results = new ConcurrentBag<InvalidationResult>();
        var keys = await readModel.ListCallerKeysAsync(principal, cancellationToken);
        await Parallel.ForEachAsync(keys.Append(principal.Value).Distinct(StringComparer.Ordinal), InParallel(cancellationToken), async (key, cancellation) =>
        {
            var reply = await grains.GetGrain<IPrincipalGrain>(key).Revoke(new RevokeCommand(ids.NewCommandId(), null, order.By, order.Reason));
            foreach (var id in reply.Value!.GrantIds)
                ended.Add(id);
            // A grant that is used up may have its last use on the way to the upstream; and whoever repeats a call whose answer
            // was lost finds nothing to end, though the gateways may not have been told.
            ImmutableArray<string> told = [.. reply.Value.GrantIds, .. reply.Value.Others.IsDefault ? [] : reply.Value.Others];
            results.Add(await gateways.InvalidateAsync(new Invalidation.Grants(key, told, reply.Value.Version, order.Terminate), cancellation));
        });
        // Each is about the same gateways.
        var reached = new InvalidationResult(results.Max(r => r.Acknowledged), results.Max(r => r.Condemned));
        return Result(ended, reached, began);
    }

    public async Task<Reply<RevocationResult>> RevokeMatchingAsync(GrantSelector selector, RevocationOrder order, CancellationToken cancellationToken)
    {
        var began = Begin();
        var reply = await Restrictions.RevokeMatching(new RevokeMatchingCommand(ids.NewCommandId(), selector, order.Terminate, order.By, order.Reason));
        if (reply.Value is not { } restrictions)
            return reply.Refusal!;
        // From here on nothing starts under any of them; that they are revoked one by one is for the record, and for good.
        var reached = await gateways.InvalidateAsync(new Invalidation.Restrictions(restrictions.Version, order.Terminate), cancellationToken);
        var upTo = restrictions.Revocations.Where(r => r.Selector == selector).Select(r => r.UpTo).DefaultIfEmpty(DateTimeOffset.MinValue).Max();
        var ended = new ConcurrentBag<string>();
        var later = new ConcurrentBag<InvalidationResult>();
        var filter = new GrantFilter { Status = GrantStatus.Active, Action = selector.Kind == SelectorKind.Action ? selector.Value : null };
        string? cursor = null;
        do
        {
            if (await readModel.ListGrantsAsync(filter, cursor, PageLimits.Max, cancellationToken) is not PageReply<GrantView>.Page page)
                throw new InvalidOperationException("The list of grants does not know its own cursor.");
            await Parallel.ForEachAsync(page.Items, InParallel(cancellationToken), async (grant, cancellation) =>
            {
                if (!await IsMeant(grant, selector, cancellation))
                    return;
                var revoked = await grains.GetGrain<IPrincipalGrain>(grant.CallerKey).Revoke(new RevokeCommand(ids.NewCommandId(), grant.Id, order.By, order.Reason));
                if (revoked.Value is not { GrantIds.IsEmpty: false } gone)
                    return;
                // Approved since: the selector does not reach it, so that gateways have to be told of it by itself.
                if (grant.NotBefore > upTo)
                    later.Add(await gateways.InvalidateAsync(new Invalidation.Grants(grant.CallerKey, gone.GrantIds, gone.Version, order.Terminate), cancellation));
                foreach (var id in gone.GrantIds)
                    ended.Add(id);
            });
            cursor = page.NextCursor;
        }
        while (cursor is not null);
        return Result(ended, reached with { Condemned = reached.Condemned + later.Sum(l => l.Condemned) }, began);
    }

    public async Task<Reply<RevocationResult>> BlockAsync(PrincipalId principal, RevocationOrder order, CancellationToken cancellationToken)
    {
        var began = Begin();
        var reply = await Restrictions.Block(new BlockCommand(ids.NewCommandId(), principal, order.By, order.Reason));
        if (reply.Value is not { } restrictions)
            return reply.Refusal!;
        var reached = await gateways.InvalidateAsync(new Invalidation.Restrictions(restrictions.Version, order.Terminate, ConcernsAllowRules: true), cancellationToken);
        // A turn, which notices where the store went back. What ends grants needs none: those of an earlier epoch are void.
        await Restrictions.Get();
        return Result([], reached, began);
    }

    public async Task<Reply<RevocationResult>> UnblockAsync(PrincipalId principal, RevocationOrder order, CancellationToken cancellationToken)
    {
        var began = Begin();
        var reply = await Restrictions.Unblock(new UnblockCommand(ids.NewCommandId(), principal, order.By, order.Reason));
        if (reply.Value is not { } restrictions)
            return reply.Refusal!;
        var reached = await gateways.InvalidateAsync(new Invalidation.Restrictions(restrictions.Version), cancellationToken);
        await Restrictions.Get();
        return Result([], reached, began);
    }

    public async Task<ImmutableArray<PrincipalBlock>> ListBlocksAsync(CancellationToken cancellationToken) => (await Restrictions.Get()).Blocks;

    public async Task<ImmutableArray<GatewayStatus>> ListGatewaysAsync(CancellationToken cancellationToken)
    {
        var list = await grains.GetGrain<IGatewayDirectoryGrain>(IGatewayDirectoryGrain.Key).List();
        return [.. await Task.WhenAll(list.Entries.Select(async e => new GatewayStatus(e, await grains.GetGrain<IGatewayGrain>(e.Incarnation).Get())))];
    }

    private async Task<Reply<RevocationResult>> FinishOneAsync(
        Reply<GrantsEnded> reply, string callerKey, string grantId, CommitTelling.Along along, Began began, CancellationToken cancellationToken)
    {
        if (reply.Value is not { } ended)
            return reply.Refusal!;
        // Also where it had ended before: whoever repeats a call whose answer was lost gets the same promise.
        var what = new Invalidation.Grants(callerKey, [grantId], ended.Version, along.Terminate);
        var reached = await gateways.InvalidateAsync(what, along.Told(), cancellationToken);
        return Result(ended.GrantIds, reached, began);
    }

    /// <summary>Whether the grant is one of those meant. Approved before this look counts: a store's clock set back hides none of them.</summary>
    private async Task<bool> IsMeant(GrantView grant, GrantSelector selector, CancellationToken cancellationToken) => selector.Kind switch
    {
        SelectorKind.Api => grant.Api == selector.Value,
        SelectorKind.Action => grant.Action == selector.Value,
        SelectorKind.Issuer => grant.Principal.Realm == selector.Value || grant.Actors.Any(a => a.Realm == selector.Value),
        _ => await readModel.GetRequestAsync(grant.RequestId, cancellationToken) is { } request && request.Votes.Any(v => v.Approver.Value == selector.Value),
    };

    private static ParallelOptions InParallel(CancellationToken cancellationToken) =>
        new() { MaxDegreeOfParallelism = Parallelism, CancellationToken = cancellationToken };

    private Began Begin() => new(time.GetTimestamp(), epoch.Current);

    /// <exception cref="StoreUnavailableException">The store went back since it began, and may have forgotten it. To be repeated.</exception>
    private RevocationResult Result(IEnumerable<string> grantIds, InvalidationResult reached, Began began)
    {
        StoreWentBack.Check(epoch, began.Epoch);
        return new([.. grantIds.Order(StringComparer.Ordinal)], reached.Acknowledged, reached.Condemned, time.GetElapsedTime(began.At).TotalMilliseconds);
    }

    /// <param name="At">When, as a timestamp.</param>
    /// <param name="Epoch">The store's epoch then.</param>
    private readonly record struct Began(long At, string Epoch);
}
