using System.Collections.Immutable;
using JitGrains.Audit;
using JitGrains.Outbox;

namespace JitGrains.Shell;

/// <summary>
/// The shell of every grain: load, decide, write state and outbox in one store operation, answer. It never calls another
/// grain and waits for nothing but its own store.
/// </summary>
/// <typeparam name="TState">The machine's state.</typeparam>
/// <typeparam name="TEvent">The machine's events.</typeparam>
public abstract partial class MachineGrain<TState, TEvent>(
    IStateMachine<TState, TEvent> machine,
    IPersistentState<GrainDocument<TState>> document,
    ITurnClock clock,
    AuditSealer sealer) : Grain, IRemindable
    where TState : class, new()
{
    /// <summary>The grain's one reminder. It is there from before the first write until nothing is left to wait for or deliver.</summary>
    public const string ReminderName = "due";

    /// <summary>Reminders repeat, so that a lost tick is made up for. Orleans allows no less.</summary>
    private static readonly TimeSpan ReminderPeriod = TimeSpan.FromMinutes(1);

    /// <summary>The state as of now.</summary>
    protected TState State => document.State.State;

    /// <summary>The name of the grain's audit chain, with no personal data in it.</summary>
    protected abstract string AuditSource { get; }

    /// <summary>The audit sealer, for names of chains.</summary>
    protected AuditSealer Sealer => sealer;

    /// <summary>The turn's time: never before the grain's last.</summary>
    protected DateTimeOffset Now => clock.UtcNow > document.State.LastNow ? clock.UtcNow : document.State.LastNow;

    /// <inheritdoc/>
    public async Task ReceiveReminder(string reminderName, TickStatus status)
    {
        // Written even where nothing happened: what the state says of its reminder must stay true.
        document.State.ReminderAt = null;
        await Commit(machine.Tick(State, Now), Now);
        await Reminded();
    }

    /// <summary>Runs a command.</summary>
    /// <param name="decide">The decision.</param>
    /// <param name="notBefore">
    /// When what the command tells of happened: no turn from this one on is earlier, though the clock may have been set back.
    /// </param>
    protected async Task<Reply<T>> Run<T>(Func<TState, DateTimeOffset, Decision<TEvent, T>> decide, DateTimeOffset notBefore = default)
        where T : class
    {
        var now = notBefore > Now ? notBefore : Now;
        var decision = decide(State, now);
        // Without a write there is nothing yet that proves the state to be the grain's latest.
        if (decision.Events.IsEmpty && await Reread())
            decision = decide(State, now);
        if (!decision.Events.IsEmpty)
            await Commit(decision.Events, now);
        return decision.Reply;
    }

    /// <summary>
    /// Whether the event may be forgotten in a crash of the store though others have seen it: a turn of nothing but such
    /// events does not wait for the disk.
    /// </summary>
    protected virtual bool MayBeLost(TEvent happened) => false;

    /// <summary>A message as it is sent, with what the pure machine cannot know.</summary>
    protected virtual OutboxMessage Complete(OutboxMessage message, string epoch) => message;

    private async Task Commit(ImmutableArray<TEvent> events, DateTimeOffset now)
    {
        var stored = document.State;
        DropDelivered(stored);
        var messages = new List<OutboxMessage>();
        foreach (var happened in events)
        {
            var before = stored.State;
            stored.State = machine.Apply(before, happened);
            foreach (var draft in machine.Audit(before, happened))
                Chain(draft, now, messages);
            messages.AddRange(machine.Effects(stored.State, happened).Select(m => Complete(m, clock.Epoch)));
        }

        foreach (var message in messages)
            stored.Outbox.Add(new OutboxRecord(++stored.OutboxSequence, message));
        stored.LastNow = now;
        stored.MayBeLost = !events.IsEmpty && events.All(MayBeLost);
        var newReminder = await KeepReminder(stored, now);
        await document.WriteStateAsync();
        await Written(newReminder);
    }

    private void Chain(AuditDraft draft, DateTimeOffset now, List<OutboxMessage> messages)
    {
        var stored = document.State;
        var entry = sealer.Seal(AuditSource, stored.Chain, now, draft);
        var opens = stored.Chain.Sequence == 0;
        stored.Chain = new ChainHead(entry.Sequence, entry.Hash);
        messages.Add(new OutboxMessage.Audit(entry));
        if (opens && AuditSource != SystemChain.Source)
            messages.Add(new OutboxMessage.RecordInSystemChain(SystemChain.Opened(entry)));
    }

    // Where the engines differ: Builtin/ and OnOrleans/, one of which is compiled.

    /// <summary>Reads the state anew where what is in memory may not be the grain's latest; whether it did.</summary>
    private partial Task<bool> Reread();

    /// <summary>Takes delivered messages out of the document.</summary>
    private partial void DropDelivered(GrainDocument<TState> stored);

    /// <summary>Sees to it that a reminder comes by the time that something is due; whether there was none before.</summary>
    private partial Task<bool> KeepReminder(GrainDocument<TState> stored, DateTimeOffset now);

    /// <summary>The document is written.</summary>
    private partial Task Written(bool newReminder);

    /// <summary>A reminder has come, and what it was for is written.</summary>
    private partial Task Reminded();
}
