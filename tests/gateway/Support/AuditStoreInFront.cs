using JitGrains.Audit;
using JitGrains.Runtime.Engine;

namespace JitGrains.GatewayTests.Support;

/// <summary>An audit store in front of another: what is asked of it goes through as it is, but for what a test changes.</summary>
internal abstract class AuditStoreInFront : IAuditStore
{
    /// <summary>The store behind it.</summary>
    protected abstract IAuditStore Inner { get; }

    public abstract Task AppendAsync(IReadOnlyList<AuditEntry> entries, CancellationToken cancellationToken = default);

    public Task<PageReply<AuditEntry>> QueryAsync(AuditFilter filter, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default) =>
        Inner.QueryAsync(filter, cursor, limit, cancellationToken);

    public IAsyncEnumerable<AuditSource> ListSourcesAsync(CancellationToken cancellationToken = default) => Inner.ListSourcesAsync(cancellationToken);

    public Task<ChainHead> GetHeadAsync(string source, CancellationToken cancellationToken = default) => Inner.GetHeadAsync(source, cancellationToken);

    public IAsyncEnumerable<AuditEntry> ReadChainAsync(string source, long fromSequence = 1, CancellationToken cancellationToken = default) =>
        Inner.ReadChainAsync(source, fromSequence, cancellationToken);

    public Task<IReadOnlyDictionary<string, string>> ResolveAsync(IReadOnlyCollection<string> digests, CancellationToken cancellationToken = default) =>
        Inner.ResolveAsync(digests, cancellationToken);
}
