using JitGrains.Audit;
using JitGrains.Gateway.Hosting;
using JitGrains.Runtime.Engine;

namespace JitGrains.Gateway.Journal;

/// <summary>
/// The chain that this process' journal is written to at present. Its first entry is committed with the lease that is opened
/// along with it, and with the record that names it in the system chain: nothing follows before that. A store that was set
/// back has lost entries that others would follow: in each epoch another chain begins, and what was not written goes there.
/// For <c>firstMayBeLate</c> after a chain began its first entry may be on its way to the store, and is not lost (<see cref="FirstEntry"/>).
/// Not thread-safe, but for <see cref="Source"/>, <see cref="IsBroken"/>, <see cref="IsOffered"/> and <see cref="Break"/>.
/// </summary>
internal sealed partial class JournalChain(
    Incarnation incarnation, IAuditStore store, IStoreEpoch epoch, AuditSealer sealer, TimeProvider time, ILogger logger, TimeSpan firstMayBeLate)
{
    private readonly SealedRun batch = sealer.Begin("", ChainHead.Empty);
    private string? epochOfChain;
    private int begun;
    private long beganAt;
    private bool isFollowed;
    private volatile bool isBroken = true;

    /// <summary>Its name.</summary>
    public string Source { get => Volatile.Read(ref field); private set => Volatile.Write(ref field, value); } = $"gateway/{incarnation.Id}";

    /// <summary>Whether it cannot go on, or has not begun.</summary>
    public bool IsBroken => isBroken;

    /// <summary>Whether the store is offered entries, until it has them.</summary>
    public bool IsOffered { get; private set; }

    /// <summary>How many are chained that the store does not have yet.</summary>
    public int Sealed => batch.Count;

    /// <summary>Nothing is appended any more before another begins.</summary>
    public void Break() => isBroken = true;

    /// <summary>Chains entries, which are to be written with the next batch; nothing may be offered meanwhile.</summary>
    public void Seal(ReadOnlySpan<JournalItem> entries)
    {
        foreach (ref readonly var item in entries)
            item.AddTo(batch);
    }

    /// <summary>What was chained is the batch that the store is offered until it has it.</summary>
    public void Offer() => IsOffered = batch.Count > 0;

    /// <summary>Writes what is offered; throws where that fails, and where the store has lost what it follows the chain is broken.</summary>
    public async Task Append()
    {
        try
        {
            await store.AppendAsync(batch, CancellationToken.None);
            isFollowed = true;
            GoOn(batch.Head);
        }
        catch (Exception e) when (e is AuditGapException or AuditConflictException)
        {
            if (e is AuditConflictException || isFollowed || time.GetElapsedTime(beganAt) >= firstMayBeLate)
                Break();
            throw;
        }
    }

    /// <summary>
    /// The first entry of another, to be committed by whoever asks; null where the one that there is goes on in this epoch.
    /// Each time it is one of another name: whether the last was committed may not be known, and two entries for one place
    /// are refused. One that was, and to which nothing was written, is named and whole.
    /// </summary>
    public AuditEntry? Next(string current)
    {
        if (!isBroken && epochOfChain == current)
            return null;
        Break();
        var source = begun == 0 ? $"gateway/{incarnation.Id}" : $"gateway/{incarnation.Id}.{begun}";
        begun++;
        AuditField[] follows = epochOfChain is null ? [] : [new AuditField("follows", Source)];
        return sealer.Seal(source, ChainHead.Empty, time.GetUtcNow(), new AuditDraft(AuditTypes.GatewayStarted, [new("incarnation", incarnation.Id), .. follows]));
    }

    /// <summary>It was committed in this epoch: what is written from here on follows it.</summary>
    /// <param name="first">Its first entry.</param>
    /// <param name="current">The epoch.</param>
    /// <param name="unwritten">What was chained before; an entry whose write was not answered may then be in both chains.</param>
    public void Began(AuditEntry first, string current, ReadOnlySpan<JournalItem> unwritten)
    {
        Source = first.Source;
        GoOn(new ChainHead(first.Sequence, first.Hash));
        if (epochOfChain is not null)
            LogBegan(logger, Source);
        (epochOfChain, isBroken, isFollowed, beganAt) = (current, false, false, time.GetTimestamp());
        // One that ended meanwhile has broken nothing that had not begun.
        if (epoch.Current != current)
            Break();
        Seal(unwritten);
    }

    private void GoOn(ChainHead head)
    {
        IsOffered = false;
        batch.Restart(Source, head);
    }

    [LoggerMessage(3022, LogLevel.Warning, "The journal goes on in the chain {Chain}: the store was set back, or has lost entries")]
    private static partial void LogBegan(ILogger logger, string chain);
}
