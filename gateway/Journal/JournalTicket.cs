using JitGrains.Audit;
using JitGrains.Grants;

namespace JitGrains.Gateway.Journal;

/// <summary>
/// One call's place in the journal, from before it is forwarded or refused until it is over. What it says is put into words
/// only when its batch is written. Dispose it in any case. Thread-safe.
/// </summary>
internal sealed class JournalTicket(GatewayJournal journal, DateTimeOffset startedAt, IJournalFacts about) : IDisposable
{
    private bool noted;
    private string? type;
    private ExecutionOutcome? outcome;
    private AuditField? more;

    /// <summary>When it began.</summary>
    public DateTimeOffset StartedAt => startedAt;

    // Its place among those that run; the journal's.
    internal JournalTicket? Next { get; set; }

    internal JournalTicket? Previous { get; set; }

    internal bool IsRunning { get; set; }

    /// <summary>Writes the call's entry; once.</summary>
    public void Write(string type, ExecutionOutcome? outcome = null, AuditField? more = null)
    {
        (this.type, this.outcome, this.more) = (type, outcome, more);
        journal.End(this, write: true);
    }

    /// <summary>Gives the place up where nothing was written.</summary>
    public void Dispose() => journal.End(this, write: false);

    /// <summary>Adds the entry that says it runs.</summary>
    internal void AddStart(SealedRun run, DateTimeOffset at) => about.AddTo(run, at, AuditTypes.CallStarted, startedAt, null, null);

    /// <summary>Adds the entry of what came of it, once it was written.</summary>
    internal void AddEntry(SealedRun run, DateTimeOffset at) => about.AddTo(run, at, type!, startedAt, outcome, more);

    /// <summary>Whether it has run for longer than this. What runs shorter has its one entry soon enough.</summary>
    internal bool IsOlderThan(TimeSpan age, DateTimeOffset now) => now - startedAt >= age;

    /// <summary>True the first time.</summary>
    internal bool TryNote() => !noted && (noted = true);
}

/// <summary>A call that is journaled once it is over, and as what.</summary>
/// <param name="Ticket">The call's place.</param>
/// <param name="Type">The entry's type.</param>
/// <param name="More">What else it says.</param>
internal readonly record struct JournaledCall(JournalTicket Ticket, string Type, AuditField? More = null)
{
    /// <summary>Writes the entry; once.</summary>
    public void Write(ExecutionOutcome outcome) => Ticket.Write(Type, outcome, More);
}

/// <summary>An entry to be: what came of a call, or that it runs.</summary>
/// <param name="At">When it was written.</param>
/// <param name="Ticket">The call's place.</param>
/// <param name="IsNote">Whether it says that the call runs.</param>
internal readonly record struct JournalItem(DateTimeOffset At, JournalTicket Ticket, bool IsNote)
{
    public void AddTo(SealedRun run)
    {
        if (IsNote)
            Ticket.AddStart(run, At);
        else
            Ticket.AddEntry(run, At);
    }
}
