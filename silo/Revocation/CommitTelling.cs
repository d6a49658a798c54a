using System.Collections.Concurrent;
using JitGrains.Gateways;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Outbox;
using JitGrains.Runtime.Engine;

namespace JitGrains.Silo.Revocation;

/// <summary>
/// Has gateways told of a grant's end along with the commit that makes it durable: right after it, in the same round trip, where the
/// store can. Whoever ends a grant says so here first; what did not get told this way is told afterwards. Thread-safe.
/// </summary>
internal sealed class CommitTelling(MailBell bell, IIdGenerator ids, IStoreEpoch epoch) : ICommitNews
{
    private readonly ConcurrentDictionary<string, Along> expected = new(StringComparer.Ordinal);

    /// <summary>From here on, a turn of this process that revokes or releases the grant tells of it. Dispose of it once all have answered.</summary>
    public Along Expect(string grantId, bool terminate)
    {
        var along = new Along(this, bell, grantId, ids.NewSuffix(), terminate);
        // In a process of its own there is no way to save. And of two that end one grant at the same time, the second tells by itself.
        if (epoch.IsShared)
            expected.TryAdd(grantId, along);
        return along;
    }

    public IEnumerable<BusMessage> Of(IReadOnlyList<OutboxMessage> messages)
    {
        if (expected.IsEmpty)
            yield break;
        foreach (var message in messages)
        {
            if (message is OutboxMessage.ShowGrant { Grant: { Status: GrantStatus.Revoked or GrantStatus.Released } ended }
                && expected.TryGetValue(ended.Id, out var along)
                && bell.Telling(along.Mail, new Invalidation.Grants(ended.CallerKey, [ended.Id], Version: 0, along.Terminate)) is { } telling)
            {
                along.IsTold = true;
                yield return telling;
            }
        }
    }

    /// <summary>One grant that is about to be ended. What gateways answer is heard from here on.</summary>
    internal sealed class Along : IDisposable
    {
        private readonly CommitTelling owner;
        private readonly MailBell bell;
        private readonly string grantId;
        private volatile bool isTold;

        public Along(CommitTelling owner, MailBell bell, string grantId, string mail, bool terminate)
        {
            (this.owner, this.bell, this.grantId, Mail, Terminate) = (owner, bell, grantId, mail, terminate);
            bell.Expect(mail);
        }

        public string Mail { get; }

        public bool Terminate { get; }

        public bool IsTold
        {
            get => isTold;
            set => isTold = value;
        }

        /// <summary>The turn is over: the mail that it told, or null where it did not, and will not any more.</summary>
        public string? Told()
        {
            Remove();
            return IsTold ? Mail : null;
        }

        public void Dispose()
        {
            Remove();
            bell.Forget(Mail);
        }

        private void Remove() => owner.expected.TryRemove(KeyValuePair.Create(grantId, this));
    }
}
