using JitGrains.Audit;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// The audit trail as stored: append-only, one chain per source. Grains' entries come with their turns; this is for
/// sources that are no grains (a gateway's journal), and for reading. Thread-safe.
/// </summary>
public interface IAuditStore
{
    /// <summary>
    /// Appends entries in one transaction; returns once they are durable. An entry that is there already is passed over;
    /// throws <see cref="AuditConflictException"/>, and appends nothing, where another one is in its place, and
    /// <see cref="AuditGapException"/> where a chain does not have what the first of its entries follows: a store that was set
    /// back has lost it.
    /// </summary>
    Task AppendAsync(IReadOnlyList<AuditEntry> entries, CancellationToken cancellationToken = default);

    /// <summary>Entries by their time, newest first, without personal values (see <see cref="ResolveAsync"/>).</summary>
    Task<PageReply<AuditEntry>> QueryAsync(
        AuditFilter filter, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default);

    /// <summary>Every source and where its chain ends, by source in ordinal order. Read in pages: a chain may grow meanwhile.</summary>
    IAsyncEnumerable<AuditSource> ListSourcesAsync(CancellationToken cancellationToken = default);

    /// <summary>Where a source's chain ends, <see cref="ChainHead.Empty"/> where there is none.</summary>
    Task<ChainHead> GetHeadAsync(string source, CancellationToken cancellationToken = default);

    /// <summary>A source's entries as stored, in order, from this sequence number on. Read in pages, in constant memory.</summary>
    IAsyncEnumerable<AuditEntry> ReadChainAsync(string source, long fromSequence = 1, CancellationToken cancellationToken = default);

    /// <summary>The personal values behind digests; a digest whose value is not (or no longer) held is left out.</summary>
    Task<IReadOnlyDictionary<string, string>> ResolveAsync(IReadOnlyCollection<string> digests, CancellationToken cancellationToken = default);
}

/// <summary>Which entries; what is null does not matter.</summary>
public sealed record AuditFilter
{
    /// <summary>Every entry.</summary>
    public static readonly AuditFilter All = new();

    /// <summary>Of this chain.</summary>
    public string? Source { get; init; }

    /// <summary>Of this type (<see cref="AuditTypes"/>).</summary>
    public string? Type { get; init; }

    /// <summary>Not before this time.</summary>
    public DateTimeOffset? From { get; init; }

    /// <summary>Before this time.</summary>
    public DateTimeOffset? To { get; init; }

    /// <summary>With this request's id among the values of its data.</summary>
    public string? RequestId { get; init; }

    /// <summary>With this personal digest, of a person, among the values of its data (its <c>resource</c> apart).</summary>
    public string? PersonalDigest { get; init; }
}

/// <summary>A source and where its chain ends.</summary>
public sealed record AuditSource(string Source, ChainHead Head);

/// <summary>An entry's predecessor is not stored: appending it would leave a gap in its chain. The chain cannot go on.</summary>
public sealed class AuditGapException : Exception
{
    /// <summary>Creates the exception.</summary>
    public AuditGapException() { }

    /// <summary>Creates the exception with a message.</summary>
    public AuditGapException(string message) : base(message) { }

    /// <summary>Creates the exception with a message and its cause.</summary>
    public AuditGapException(string message, Exception innerException) : base(message, innerException) { }
}

/// <summary>Another entry is stored in this place of the chain. Chains are never rewritten.</summary>
public sealed class AuditConflictException : Exception
{
    /// <summary>Creates the exception.</summary>
    public AuditConflictException() { }

    /// <summary>Creates the exception with a message.</summary>
    public AuditConflictException(string message) : base(message) { }

    /// <summary>Creates the exception with a message and its cause.</summary>
    public AuditConflictException(string message, Exception innerException) : base(message, innerException) { }
}
