using System.Collections.Immutable;
using JitGrains.Audit;
using JitGrains.Gateway.Hosting;
using JitGrains.Runtime.Engine;

namespace JitGrains.Gateway.Journal;

/// <summary>
/// The chain that this process' journal is written to at present. A store that was set back has lost entries that others
/// would follow: in each epoch another chain begins, and what was not written goes there. Not thread-safe, but for
/// <see cref="Source"/> and <see cref="Break"/>.
/// </summary>
internal sealed partial class JournalChain(Incarnation incarnation, IAuditStore store, IStoreEpoch epoch, AuditSealer sealer, TimeProvider time, ILogger logger)
{
    private ImmutableArray<SystemRecord> records = [];
    private ImmutableArray<AuditEntry> batch = [];
    private AuditEntry? beginning;
    private ChainHead head = ChainHead.Empty;
    private string? epochOfChain;
    private int begun;
    private volatile bool isBroken;

    /// <summary>Its name.</summary>
    public string Source { get => Volatile.Read(ref field); private set => Volatile.Write(ref field, value); } = $"gateway/{incarnation.Id}";

    /// <summary>Whether it cannot go on.</summary>
    public bool IsBroken => isBroken;

    /// <summary>Entries that the store is offered until it has them.</summary>
    public int Offered => batch.Length;

    /// <summary>Nothing is appended any more before another begins.</summary>
    public void Break() => isBroken = true;

    /// <summary>Chains entries, which are to be written next.</summary>
    public void Seal(IReadOnlyList<JournalItem> entries)
    {
        var chained = ImmutableArray.CreateBuilder<AuditEntry>(entries.Count);
        foreach (var item in entries)
        {
            var entry = sealer.Seal(Source, head, item.At, item.Draft());
            head = new ChainHead(entry.Sequence, entry.Hash);
            chained.Add(entry);
        }

        batch = chained.MoveToImmutable();
    }

    /// <summary>Writes what is offered; throws where that fails, and where the store has lost what it follows the chain is broken.</summary>
    public async Task Append()
    {
        try
        {
            await store.AppendAsync(batch, CancellationToken.None);
            batch = [];
        }
        catch (Exception e) when (e is AuditGapException or AuditConflictException)
        {
            Break();
            throw;
        }
    }

    /// <summary>
    /// Begins another where there is none yet, where the last is broken, and in another epoch. Returns what the system chain
    /// must say of all of this process' chains that are there.
    /// </summary>
    /// <param name="unwritten">What is offered; an entry whose write was not answered may then be in both chains.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<ImmutableArray<SystemRecord>> Open(IReadOnlyList<JournalItem> unwritten, CancellationToken cancellationToken)
    {
        // A store that was not reached yet does not know its epoch.
        if (epochOfChain is null)
            await store.GetHeadAsync(Source, cancellationToken);
        var current = epoch.Current;
        if (!isBroken && epochOfChain == current)
            return records;

        // One beginning is offered until it is stored: two would leave a chain behind that nobody was told of.
        beginning ??= Begin();
        await store.AppendAsync([beginning], cancellationToken);
        records = [.. await ThereStill(cancellationToken), SystemChain.Opened(beginning)];
        (Source, head) = (beginning.Source, new ChainHead(beginning.Sequence, beginning.Hash));
        (beginning, epochOfChain, isBroken) = (null, current, false);
        if (++begun > 1)
            LogBegan(logger, Source);
        Seal(unwritten);
        return records;
    }

    private AuditEntry Begin()
    {
        var (source, follows) = begun == 0 ? (Source, (AuditField[])[]) : ($"gateway/{incarnation.Id}.{begun}", [new AuditField("follows", Source)]);
        return sealer.Seal(source, ChainHead.Empty, time.GetUtcNow(), new AuditDraft(AuditTypes.GatewayStarted, [new("incarnation", incarnation.Id), .. follows]));
    }

    /// <summary>A copy of the store may have a chain and not its announcement, or neither.</summary>
    private async Task<List<SystemRecord>> ThereStill(CancellationToken cancellationToken)
    {
        var there = new List<SystemRecord>();
        foreach (var record in records)
        {
            if ((await store.GetHeadAsync(record.Fields[0].Value, cancellationToken)).Sequence > 0)
                there.Add(record);
        }

        return there;
    }

    [LoggerMessage(3022, LogLevel.Warning, "The journal goes on in the chain {Chain}: the store was set back, or has lost entries")]
    private static partial void LogBegan(ILogger logger, string chain);
}
