using JitGrains.Outbox;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace JitGrains.Runtime.Engine;

/// <summary>Tells the rest of the process what a turn has just made durable. Nothing here can fail the turn.</summary>
internal sealed partial class CommitHub(IServiceProvider services, ILogger<CommitHub> logger)
{
    // Resolved at the first commit: observers may need the grain factory, which needs this.
    private readonly Lazy<ICommitObserver[]> observers = new(() => [.. services.GetServices<ICommitObserver>()]);
    private readonly Lazy<ICommitNews[]> news = new(() => [.. services.GetServices<ICommitNews>()]);
    private readonly Lazy<IClusterBus> bus = new(services.GetRequiredService<IClusterBus>);

    /// <summary>A grain has messages to deliver: all that it has just written, rows too.</summary>
    public Action<GrainId, IReadOnlyList<OutboxRecord>>? MessagesWritten { get; set; }

    /// <summary>Whose turn takes this message of a grain, and how that is delivered; null where that is not to be done along with the commit.</summary>
    public Func<GrainId, OutboxRecord, (GrainId Taker, Func<Task> Deliver)?>? TakerOf { get; set; }

    /// <summary>A reminder is due at this time.</summary>
    public Action<DateTimeOffset>? ReminderRegistered { get; set; }

    /// <summary>What other processes are to be told of these messages.</summary>
    public IReadOnlyList<BusMessage> NewsOf(IReadOnlyList<OutboxRecord> outbox)
    {
        if (outbox.Count == 0)
            return [];
        try
        {
            if (news.Value.Length == 0)
                return [];
            OutboxMessage[] messages = [.. outbox.Select(r => r.Message)];
            return [.. news.Value.SelectMany(n => n.Of(messages))];
        }
        catch (Exception e)
        {
            LogNoObservers(logger, e);
            return [];
        }
    }

    /// <summary>It is durable.</summary>
    /// <param name="grain">Whose turn it was.</param>
    /// <param name="write">What it wrote.</param>
    /// <param name="told">Whether the other processes have its news already.</param>
    public void Publish(GrainId grain, GrainWrite write, bool told)
    {
        // Observers first: what follows from a message (a request confirmed, its caller woken) then finds them told. Mostly: whoever
        // searches a shared store, here or in another process, may find the message sooner. So who is woken may not rely on it.
        Tell(grain, write);
        foreach (var message in write.News)
            TellNews(grain, message, told);
        var left = write.Left;
        if (left.Any(r => !r.Message.IsRow))
            MessagesWritten?.Invoke(grain, left);
        foreach (var reminder in write.Reminders)
        {
            if (reminder.Due is { } due)
                ReminderRegistered?.Invoke(due);
        }
    }

    // Who listens to the bus must not keep the turn's messages from being delivered, nor its caller from its answer.
    private void TellNews(GrainId grain, BusMessage message, bool told)
    {
        try
        {
            if (told)
                bus.Value.Tell(message);
            else
                bus.Value.Publish(message);
        }
        catch (Exception e)
        {
            LogNewsFailed(logger, e, message.Topic, grain.Type);
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
