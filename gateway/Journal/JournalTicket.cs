using System.Collections.Immutable;
using JitGrains.Audit;

namespace JitGrains.Gateway.Journal;

/// <summary>One call's place in the journal, from before it is forwarded or refused until it is over. Dispose it in any case. Thread-safe.</summary>
internal sealed class JournalTicket(GatewayJournal journal, DateTimeOffset startedAt, ImmutableArray<AuditField> about) : IDisposable
{
    private bool noted;

    /// <summary>When it began.</summary>
    public DateTimeOffset StartedAt => startedAt;

    /// <summary>The entry that says it runs.</summary>
    public AuditDraft Started => new(AuditTypes.CallStarted, [.. about, AuditField.At("started_at", startedAt)]);

    /// <summary>Writes the call's entry.</summary>
    public void Write(string type, params ReadOnlySpan<AuditField> more) =>
        journal.End(this, new AuditDraft(type, [.. about, AuditField.At("started_at", startedAt), .. more]));

    /// <summary>Gives the place up where nothing was written.</summary>
    public void Dispose() => journal.End(this, null);

    /// <summary>Whether it has run for longer than this. What runs shorter has its one entry soon enough.</summary>
    internal bool IsOlderThan(TimeSpan age, TimeProvider time) => time.GetUtcNow() - startedAt >= age;

    /// <summary>True the first time.</summary>
    internal bool TryNote() => !noted && (noted = true);
}
