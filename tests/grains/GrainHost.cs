using System.Collections.Concurrent;
using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Outbox;
using JitGrains.Principals;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Holds;
using JitGrains.Silo.Outbox;
using JitGrains.Silo.Revocation;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.GrainTests;

/// <summary>The product's grains on the product's engine and store, with arguments and results through the serializer.</summary>
public sealed partial class GrainHost : IAsyncDisposable
{
    public ManualTime Time { get; }

    public Notifications Notified { get; }

    public IReadModel ReadModel => services.GetRequiredService<IReadModel>();

    public IAuditStore Audit => services.GetRequiredService<IAuditStore>();

    public SlowObserver Observer => services.GetRequiredService<SlowObserver>();

    public DecisionHub Decisions => services.GetRequiredService<DecisionHub>();

    public IRevocationService Revocation => services.GetRequiredService<IRevocationService>();

    public IPrincipalGrain Principal(string key) => services.GetRequiredService<IGrainFactory>().GetGrain<IPrincipalGrain>(key);

    public IApprovalRequestGrain Request(string id) => services.GetRequiredService<IGrainFactory>().GetGrain<IApprovalRequestGrain>(id);

    /// <summary>Any grain.</summary>
    public T Grain<T>(string key)
        where T : IGrainWithStringKey => services.GetRequiredService<IGrainFactory>().GetGrain<T>(key);

    /// <summary>Asks, and raises the request as the gateway does.</summary>
    public async Task<string> AskAsync(Ask ask)
    {
        var reply = await Principal(ask.CallerKey).Ask(new AskCommand(ask, null));
        await SettleAsync();
        return reply.Value!.RequestId;
    }

    /// <summary>Votes, quoting the digest that the request shows.</summary>
    public async Task<Reply<Wire.ApprovalRequestView>> VoteAsync(string requestId, PrincipalId who, VoteDecision decision, params string[] groups)
    {
        var shown = (await Request(requestId).Get()).Value!;
        return await Request(requestId).Vote(Sample.Vote(who, decision, shown.Digest, groups));
    }

    /// <summary>An ask, approved by bob, its grant in alice's hands.</summary>
    public async Task<Grant> GrantAsync(Ask ask)
    {
        var id = await AskAsync(ask);
        Assert.NotNull((await VoteAsync(id, Sample.Bob, VoteDecision.Approve)).Value);
        await SettleAsync();
        var view = await Principal(ask.CallerKey).GetView();
        return view.Grants.Single(g => g.Grant.RequestId == id).Grant;
    }

    /// <summary>A use of a grant by its own terms.</summary>
    public Task<Reply<ExecutionRecord>> ConsumeAsync(Grant grant, string executionId, string incarnation = "gw_1") =>
        Principal(grant.CallerKey).Consume(new ConsumeCommand(
            executionId, grant.Id, incarnation, grant.Action, grant.Resource ?? "", grant.PayloadDigest, $"rejoin {grant.Resource}", grant.PolicyVersion));

    /// <summary>Every entry of the audit trail, each chain checked from its first entry.</summary>
    public async Task<ImmutableArray<AuditEntry>> VerifiedAuditAsync()
    {
        var all = ImmutableArray.CreateBuilder<AuditEntry>();
        var opened = new HashSet<string>(StringComparer.Ordinal);
        var sources = new List<string>();
        await foreach (var source in Audit.ListSourcesAsync())
        {
            sources.Add(source.Source);
            var chain = new AuditChain(source.Source);
            await foreach (var entry in Audit.ReadChainAsync(source.Source))
            {
                Assert.Null(chain.Next(new StoredEntry(entry.Source, entry.Sequence, entry.Hash, entry.Body)));
                all.Add(entry);
                if (entry.Source == SystemChain.Source)
                    opened.Add(entry.Body);
            }

            Assert.Equal(source.Head, chain.Head);
        }

        foreach (var source in sources.Where(s => s != SystemChain.Source))
            Assert.Contains(opened, body => body.Contains($"\"{source}\"", StringComparison.Ordinal));
        return all.ToImmutable();
    }

    /// <summary>Takes its time over each new grant, as a busy gateway may, where told to.</summary>
    public sealed class SlowObserver : ICommitObserver
    {
        public bool IsSlow { get; set; }

        public void Committed(GrainId source, IReadOnlyList<OutboxMessage> messages)
        {
            if (IsSlow && messages.Any(m => m is OutboxMessage.ShowGrant))
                Thread.SpinWait(1_000_000);
        }
    }

    /// <summary>A queue that remembers, with repeats dropped by id as the product's does.</summary>
    public sealed class Notifications : INotificationQueue
    {
        private readonly ConcurrentDictionary<string, Notification> taken = new(StringComparer.Ordinal);

        public IEnumerable<Notification> All => taken.Values;

        public Task EnqueueAsync(Notification notification, CancellationToken cancellationToken)
        {
            taken.TryAdd(notification.Id, notification);
            return Task.CompletedTask;
        }
    }
}
