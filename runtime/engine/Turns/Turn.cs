using JitGrains.Outbox;
using JitGrains.Shell;

namespace JitGrains.Runtime.Engine;

/// <summary>One turn of one grain: what it read, and the one way by which it writes.</summary>
internal sealed class Turn(GrainId grain, ITurnSession session, CommitHub commits, TurnQueues queues) : IGrainContext, IGrainReminders
{
    private readonly Dictionary<string, ReminderChange> reminders = new(StringComparer.Ordinal);
    private bool ended;

    public GrainId GrainId => grain;

    public IGrainReminders Reminders => this;

    public ITurnSession Session => session;

    /// <summary>The document that was written last, or null where there is none or it may have changed since.</summary>
    public object? Written { get; set; }

    /// <summary>Writes the state, its messages and the reminders changed so far, in one transaction.</summary>
    public Task WriteAsync(string state, IReadOnlyList<OutboxRecord> outbox, bool mayBeLost = false) => CommitAsync(state, outbox, mayBeLost);

    /// <summary>The method has returned: writes reminders that changed after the last write, or without one.</summary>
    public async Task CompleteAsync()
    {
        if (reminders.Count > 0)
            await CommitAsync(null, [], mayBeLost: false);
        if (Written is { } document)
            session.Keep(document);
    }

    /// <summary>From here on the grain's references to its state and reminders are of no use.</summary>
    public void End() => ended = true;

    public void ThrowIfEnded()
    {
        if (ended)
            throw new InvalidOperationException($"a turn of {grain.Type} went on after its method's task had completed");
    }

    public Task<IGrainReminder> RegisterOrUpdateAsync(string reminderName, TimeSpan dueTime, TimeSpan period)
    {
        ThrowIfEnded();
        ArgumentException.ThrowIfNullOrEmpty(reminderName);
        ArgumentOutOfRangeException.ThrowIfLessThan(dueTime, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(period, TimeSpan.Zero);
        reminders[reminderName] = new ReminderChange(reminderName, session.Now + dueTime, period);
        return Task.FromResult<IGrainReminder>(new Reminder(reminderName));
    }

    public Task UnregisterAsync(string reminderName)
    {
        ThrowIfEnded();
        reminders[reminderName] = new ReminderChange(reminderName, null, TimeSpan.Zero);
        return Task.CompletedTask;
    }

    public async Task<IGrainReminder?> GetAsync(string reminderName)
    {
        ThrowIfEnded();
        var exists = reminders.TryGetValue(reminderName, out var change)
            ? change.Due is not null
            : await session.FindReminderAsync(reminderName) is not null;
        return exists ? new Reminder(reminderName) : null;
    }

    private async Task CommitAsync(string? state, IReadOnlyList<OutboxRecord> outbox, bool mayBeLost)
    {
        ThrowIfEnded();
        var write = new GrainWrite(state, outbox, [.. reminders.Values], mayBeLost) { News = commits.NewsOf(outbox), Joins = JoinsOf(outbox) };
        await session.CommitAsync(write);
        reminders.Clear();
        commits.Publish(grain, write, session.TellsNews);
    }

    private JoinedTurn[] JoinsOf(IReadOnlyList<OutboxRecord> outbox)
    {
        if (commits.TakerOf is not { } takerOf)
            return [];
        List<JoinedTurn>? joins = null;
        foreach (var record in outbox)
        {
            if (!record.Message.IsRow && takerOf(grain, record) is var (taker, deliver))
                (joins ??= []).Add(new JoinedTurn(record, taker, deliver, () => queues.TryEnter(taker), () => queues.Leave(taker)));
        }

        return joins?.ToArray() ?? [];
    }

    private sealed record Reminder(string ReminderName) : IGrainReminder;
}

/// <summary>The turn's time, for grains' constructors. One for each turn.</summary>
internal sealed class TurnClock(IStoreEpoch epoch) : ITurnClock
{
    private DateTimeOffset? now;

    public DateTimeOffset UtcNow => now ?? throw new InvalidOperationException("there is a turn clock within turns only");

    // A turn that began before another epoch has lost its connection, and cannot write.
    public string Epoch => epoch.Current;

    public void Set(DateTimeOffset time) => now = time;
}
