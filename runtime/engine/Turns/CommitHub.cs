using JitGrains.Outbox;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace JitGrains.Runtime.Engine;

/// <summary>Tells the rest of the process what a turn has just made durable. Nothing here can fail the turn.</summary>
internal sealed partial class CommitHub(IServiceProvider services, ILogger<CommitHub> logger)
{
    // Resolved at the first commit: observers may need the grain factory, which needs this.
    private readonly Lazy<ICommitObserver[]> observers = new(() => [.. services.GetServices<ICommitObserver>()]);

    /// <summary>A grain has messages to deliver: all that it has just written, rows too.</summary>
    public Action<GrainId, IReadOnlyList<OutboxRecord>>? MessagesWritten { get; set; }

    /// <summary>A reminder is due at this time.</summary>
    public Action<DateTimeOffset>? ReminderRegistered { get; set; }

    public void Publish(GrainId grain, GrainWrite write)
    {
        // Observers first: what follows from a message (a request confirmed, its caller woken) must find them told.
        Tell(grain, write);
        if (write.Outbox.Any(r => !r.Message.IsRow))
            MessagesWritten?.Invoke(grain, write.Outbox);
        foreach (var reminder in write.Reminders)
        {
            if (reminder.Due is { } due)
                ReminderRegistered?.Invoke(due);
        }
    }

    private void Tell(GrainId grain, GrainWrite write)
    {
        if (write.Outbox.Count == 0)
            return;
        try
        {
            if (observers.Value.Length > 0)
                Notify(grain, [.. write.Outbox.Select(r => r.Message)]);
        }
        catch (Exception e)
        {
            LogNoObservers(logger, e);
        }
    }

    private void Notify(GrainId grain, OutboxMessage[] messages)
    {
        foreach (var observer in observers.Value)
        {
            try
            {
                observer.Committed(grain, messages);
            }
            catch (Exception e)
            {
                LogObserverFailed(logger, e, observer.GetType().Name, grain.Type);
            }
        }
    }
}
