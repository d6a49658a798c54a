#pragma warning disable CA1822 // The same members need the instance on Orleans.
namespace JitGrains.Shell;

/// <summary>
/// The built-in engine reads the state for each turn, takes the messages out of the document as it writes it, and keeps
/// reminders in the same transaction: little is left to do.
/// </summary>
public abstract partial class MachineGrain<TState, TEvent>
{
    private static readonly Task<bool> No = Task.FromResult(false);

    private partial Task<bool> Reread() => No;

    private partial void DropDelivered(GrainDocument<TState> stored)
    {
    }

    private async partial Task<bool> KeepReminder(GrainDocument<TState> stored, DateTimeOffset now)
    {
        if (machine.NextDue(stored.State) is not { } due)
        {
            // Not looked for where there is none: a lease is renewed each second, and none of them has one.
            if (stored.ReminderAt is not null)
                await Unregister();
            stored.ReminderAt = null;
        }
        else if (stored.ReminderAt is null || due < stored.ReminderAt)
        {
            await this.RegisterOrUpdateReminder(ReminderName, due > now ? due - now : TimeSpan.Zero, ReminderPeriod);
            stored.ReminderAt = due;
        }

        return false;
    }

    private partial Task Written(bool newReminder) => Task.CompletedTask;

    private partial Task Reminded() => document.State.ReminderAt is null ? Unregister() : Task.CompletedTask;

    private async Task Unregister()
    {
        if (await this.GetReminder(ReminderName) is { } reminder)
            await this.UnregisterReminder(reminder);
    }
}
