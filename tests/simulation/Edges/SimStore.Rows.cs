using System.Runtime.CompilerServices;
using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.PolicyVersions;
using JitGrains.Runtime.Engine;
using JitGrains.Wire;

namespace JitGrains.Simulation.Edges;

internal sealed partial class SimStore : IReadModel, IAuditStore, IPersonalValues, IDeliveryQueue, IPolicyStore
{
    public Task<IReadOnlyList<string>> FindAsync(string person, CancellationToken cancellationToken = default) =>
        link.Ask(() => Server.Disk.FindAsync(person, CancellationToken.None));

    public Task EraseAsync(IReadOnlyCollection<string> digests, DateTimeOffset at, CancellationToken cancellationToken = default) =>
        link.Ask(async () =>
        {
            await Server.Disk.EraseAsync(digests, at, CancellationToken.None);
            return true;
        });

    public void Forget(string digest, DateTimeOffset at) { }

    public void ForgetAll() { }

    public Task<ApprovalRequestView?> GetRequestAsync(string id, CancellationToken cancellationToken = default) =>
        link.Ask(() => Server.Disk.GetRequestAsync(id, CancellationToken.None));

    public Task<IReadOnlyList<string>> ListDecidedAsync(IReadOnlyCollection<string> ids, CancellationToken cancellationToken = default) =>
        link.Ask(() => Server.Disk.ListDecidedAsync(ids, CancellationToken.None));

    public Task<PageReply<ApprovalRequestView>> ListRequestsAsync(RequestFilter filter, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default) =>
        link.Ask(() => Server.Disk.ListRequestsAsync(filter, cursor, limit, CancellationToken.None));

    public Task<IReadOnlyList<ApprovalRequestView>> ListSimilarRequestsAsync(ApprovalRequestView request, int limit, CancellationToken cancellationToken = default) =>
        link.Ask(() => Server.Disk.ListSimilarRequestsAsync(request, limit, CancellationToken.None));

    public Task<GrantView?> GetGrantAsync(string id, CancellationToken cancellationToken = default) =>
        link.Ask(() => Server.Disk.GetGrantAsync(id, CancellationToken.None));

    public Task<GrantView?> GetGrantByRequestAsync(string requestId, CancellationToken cancellationToken = default) =>
        link.Ask(() => Server.Disk.GetGrantByRequestAsync(requestId, CancellationToken.None));

    public Task<PageReply<GrantView>> ListGrantsAsync(GrantFilter filter, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default) =>
        link.Ask(() => Server.Disk.ListGrantsAsync(filter, cursor, limit, CancellationToken.None));

    public Task<ExecutionRecord?> GetExecutionAsync(string id, CancellationToken cancellationToken = default) =>
        link.Ask(() => Server.Disk.GetExecutionAsync(id, CancellationToken.None));

    public Task<PageReply<ExecutionRecord>> ListExecutionsAsync(string requestId, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default) =>
        link.Ask(() => Server.Disk.ListExecutionsAsync(requestId, cursor, limit, CancellationToken.None));

    public Task<IReadOnlyList<ExecutionRecord>> ListOpenExecutionsAsync(string exceptIncarnation, CancellationToken cancellationToken = default) =>
        link.Ask(() => Server.Disk.ListOpenExecutionsAsync(exceptIncarnation, CancellationToken.None));

    public Task<IReadOnlyList<string>> ListCallerKeysAsync(PrincipalId principal, CancellationToken cancellationToken = default) =>
        link.Ask(() => Server.Disk.ListCallerKeysAsync(principal, CancellationToken.None));

    public Task AppendAsync(IReadOnlyList<AuditEntry> entries, CancellationToken cancellationToken = default) => Do(() =>
    {
        var done = Server.Disk.AppendAsync(entries, CancellationToken.None);
        if (done.IsCompletedSuccessfully)
        {
            Server.Flush();
            Server.Appended?.Invoke(link.Process, entries);
        }

        return done;
    });

    public Task<PageReply<AuditEntry>> QueryAsync(AuditFilter filter, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default) =>
        link.Ask(() => Server.Disk.QueryAsync(filter, cursor, limit, CancellationToken.None));

    public async IAsyncEnumerable<AuditSource> ListSourcesAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        foreach (var source in await link.Ask(() => All(Server.Disk.ListSourcesAsync(CancellationToken.None))))
            yield return source;
    }

    public Task<ChainHead> GetHeadAsync(string source, CancellationToken cancellationToken = default) =>
        link.Ask(() => Server.Disk.GetHeadAsync(source, CancellationToken.None));

    public async IAsyncEnumerable<AuditEntry> ReadChainAsync(string source, long fromSequence = 1, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        foreach (var entry in await link.Ask(() => All(Server.Disk.ReadChainAsync(source, fromSequence, CancellationToken.None))))
            yield return entry;
    }

    public Task<IReadOnlyDictionary<string, string>> ResolveAsync(IReadOnlyCollection<string> digests, CancellationToken cancellationToken = default) =>
        link.Ask(() => Server.Disk.ResolveAsync(digests, CancellationToken.None));

    public Task EnqueueAsync(NewDelivery delivery, CancellationToken cancellationToken = default) =>
        Do(() => Server.Disk.EnqueueAsync(delivery, CancellationToken.None));

    public Task<IReadOnlyList<Delivery>> ClaimDueAsync(DateTimeOffset now, TimeSpan lease, int limit, CancellationToken cancellationToken = default) =>
        link.Ask(() => Server.Disk.ClaimDueAsync(now, lease, limit, CancellationToken.None));

    public Task<DateTimeOffset?> NextDueAsync(CancellationToken cancellationToken = default) =>
        link.Ask(() => Server.Disk.NextDueAsync(CancellationToken.None));

    public Task CompleteAsync(string id, CancellationToken cancellationToken = default) =>
        Do(() => Server.Disk.CompleteAsync(id, CancellationToken.None));

    public Task RetryAsync(string id, DateTimeOffset nextAt, CancellationToken cancellationToken = default) =>
        Do(() => Server.Disk.RetryAsync(id, nextAt, CancellationToken.None));

    public Task GiveUpAsync(string id, CancellationToken cancellationToken = default) =>
        Do(() => Server.Disk.GiveUpAsync(id, CancellationToken.None));

    public Task<int> PruneAsync(DateTimeOffset queuedBefore, CancellationToken cancellationToken = default) =>
        link.Ask(() => Server.Disk.PruneAsync(queuedBefore, CancellationToken.None));

    public Task<PolicyHead?> GetPolicyHeadAsync(CancellationToken cancellationToken = default) =>
        link.Ask(() => Server.Disk.GetPolicyHeadAsync(CancellationToken.None));

    public Task<StoredPolicy?> GetPolicyAsync(long sequence, CancellationToken cancellationToken = default) =>
        link.Ask(() => Server.Disk.GetPolicyAsync(sequence, CancellationToken.None));

    private Task<bool> Do(Func<Task> what) => link.Ask(async () =>
    {
        await what();
        return true;
    });

    private static async Task<List<T>> All<T>(IAsyncEnumerable<T> items)
    {
        var all = new List<T>();
        await foreach (var item in items)
            all.Add(item);
        return all;
    }
}
