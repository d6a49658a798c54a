using System.Collections.Immutable;
using System.Reflection;
using JitGrains.Outbox;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.Shell;

/// <summary>
/// What the shell owes its state on Orleans, where an activation lives on between turns. Its memory may be wrong: a turn may
/// have failed half-way, a write's answer may have been lost, or the silo may have been evicted without knowing it and the
/// grain live on elsewhere. So an answer rests on a write that the ETag has let through, or on the state read in this turn.
/// </summary>
public abstract partial class MachineGrain<TState, TEvent> : IOutboxSource, IIncomingGrainCallFilter
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(1);

    // Not state: how far this activation knows its messages delivered, and whether its memory is to be trusted.
    private long delivered;
    private bool unsure;

    private IOutboxService Outbox => ServiceProvider.GetRequiredService<IOutboxService>();

    /// <summary>The engine's: wraps each turn.</summary>
    public async Task Invoke(IIncomingGrainCallContext context)
    {
        if (unsure || context.InterfaceMethod.IsDefined(typeof(ReadOnlyAttribute)))
            await ReadState();
        try
        {
            await context.Invoke();
        }
        catch
        {
            // Its memory may hold what was not written, and whether a failed write is there is not known.
            unsure = true;
            DeactivateOnIdle();
            throw;
        }
    }

    /// <inheritdoc/>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        if (document.State.Outbox.Count > 0)
            Outbox.MessagesWait(GrainContext.GrainId.Type.ToString()!, this.GetPrimaryKeyString());
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<ImmutableArray<OutboxRecord>> PeekOutbox() =>
        Task.FromResult(Undelivered());

    /// <inheritdoc/>
    public Task TrimOutbox(long throughSequence)
    {
        delivered = Math.Max(delivered, throughSequence);
        return Task.CompletedTask;
    }

    private async partial Task<bool> Reread()
    {
        await ReadState();
        return true;
    }

    private partial void DropDelivered(GrainDocument<TState> stored)
    {
        while (stored.Outbox.Count > 0 && stored.Outbox[0].Sequence <= delivered)
            stored.Outbox.RemoveAt(0);
    }

    /// <summary>
    /// Registers before the write. A reminder is taken away by <see cref="Reminded"/> only, so that whoever still believes to
    /// be this grain cannot take it away from under the one that is.
    /// </summary>
    private async partial Task<bool> KeepReminder(GrainDocument<TState> stored, DateTimeOffset now)
    {
        var net = stored.Outbox.Count > 0 ? now + ReminderPeriod : (DateTimeOffset?)null;
        var due = machine.NextDue(stored.State);
        due = due is null || net < due ? net ?? due : due;
        if (due is null || due >= stored.ReminderAt)
            return false;
        await Register(due.Value - now);
        var isNew = stored.ReminderAt is null;
        stored.ReminderAt = due;
        return isNew;
    }

    private async partial Task Written(bool newReminder)
    {
        // An activation that found nothing to do may have taken the reminder away in between.
        if (newReminder && await this.GetReminder(ReminderName) is null)
            await Register(ReminderPeriod);
        var undelivered = Undelivered();
        if (!undelivered.IsEmpty && await Outbox.WrittenAsync(GrainContext.GrainId.Type.ToString()!, this.GetPrimaryKeyString(), undelivered))
            await TrimOutbox(undelivered[^1].Sequence);
    }

    private async partial Task Reminded()
    {
        if (document.State.ReminderAt is not null || await this.GetReminder(ReminderName) is not { } reminder)
            return;
        await this.UnregisterReminder(reminder);

        // Another activation may have relied on it just before.
        await ReadState();
        if (document.State.ReminderAt is not null)
            await Register(TimeSpan.Zero);
    }

    /// <summary>Never for at once: a first tick that has passed by the time it is planned comes a whole period later.</summary>
    private Task<IGrainReminder> Register(TimeSpan dueIn) =>
        this.RegisterOrUpdateReminder(ReminderName, dueIn > Soon ? dueIn : Soon, ReminderPeriod);

    private async Task ReadState()
    {
        await document.ReadStateAsync();
        unsure = false;
        // A store that was set back counts its messages anew.
        if (document.State.OutboxSequence < delivered)
            delivered = 0;
    }

    private ImmutableArray<OutboxRecord> Undelivered() => [.. document.State.Outbox.Where(r => r.Sequence > delivered)];
}
