using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// Delivers reminders, each as a turn of its grain. It sleeps until the next is due, and looks anyway once a poll
/// interval. Ticks missed while the process was down are delivered once, at once.
/// </summary>
internal sealed partial class ReminderService : BackgroundService
{
    private const int BatchSize = 256;

    private readonly IGrainStore store;
    private readonly GrainTypes types;
    private readonly TurnRunner turns;
    private readonly GrainEngineOptions options;
    private readonly TimeProvider time;
    private readonly EngineTelemetry telemetry;
    private readonly ILogger logger;
    private readonly Alarm alarm;
    private long wakeAt = long.MaxValue;

    public ReminderService(
        IGrainStore store, GrainTypes types, TurnRunner turns, CommitHub commits, GrainEngineOptions options, TimeProvider time, EngineTelemetry telemetry, ILogger<ReminderService> logger)
    {
        (this.store, this.types, this.turns, this.options, this.time, this.telemetry, this.logger) = (store, types, turns, options, time, telemetry, logger);
        alarm = new Alarm(time);
        commits.ReminderRegistered += due =>
        {
            if (due.UtcTicks < Interlocked.Read(ref wakeAt))
                alarm.Ring();
        };
    }

    /// <summary>Delivers what is due; returns whether there may be more.</summary>
    internal async Task<bool> RunDueAsync(CancellationToken cancellationToken)
    {
        var now = await store.ReadClockAsync(cancellationToken);
        var due = await store.ReadDueRemindersAsync(now, BatchSize, cancellationToken);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.ReminderParallelism, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(due, parallel, async (reminder, _) => await DeliverAsync(reminder, now));
        return due.Count == BatchSize;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.RunsReminders)
            return;
        while (!stoppingToken.IsCancellationRequested)
        {
            // Until the next time to wake is known, whatever is registered rings.
            Interlocked.Exchange(ref wakeAt, long.MaxValue);
            var wake = time.GetUtcNow() + options.ReminderPoll;
            try
            {
                if (await RunDueAsync(stoppingToken))
                    continue;
                var now = await store.ReadClockAsync(stoppingToken);
                if (await store.NextReminderAfterAsync(now, stoppingToken) is { } next && next - now < options.ReminderPoll)
                    wake = time.GetUtcNow() + (next - now);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                LogStoreFailed(logger, e, options.ReminderPoll.TotalSeconds);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            Interlocked.Exchange(ref wakeAt, wake.UtcTicks);
            try
            {
                await alarm.WaitUntilAsync(wake, stoppingToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task DeliverAsync(StoredReminder reminder, DateTimeOffset now)
    {
        telemetry.Reminded(now - reminder.Due);
        try
        {
            var grain = types.Find(reminder.Grain.Type) ?? throw new InvalidOperationException($"there is no grain class {reminder.Grain.Type}");
            var status = new TickStatus(reminder.FirstDue.UtcDateTime, reminder.Period, reminder.Due.UtcDateTime);
            await turns.RunAsync(grain, reminder.Grain.Key, nameof(IRemindable.ReceiveReminder), async instance =>
            {
                await ((IRemindable)instance).ReceiveReminder(reminder.Name, status);
                return true;
            });
            await store.MoveReminderAsync(reminder, NextTick(reminder, now), CancellationToken.None);
        }
        catch (Exception e)
        {
            // Put off rather than left at the head: many that fail must not starve the others.
            LogReminderFailed(logger, e, reminder.Grain.Type, reminder.Name, options.ReminderRetry.TotalSeconds);
            await store.MoveReminderAsync(reminder, now + options.ReminderRetry, CancellationToken.None);
        }
    }

    private static DateTimeOffset NextTick(StoredReminder reminder, DateTimeOffset now)
    {
        var missed = Math.Max(0, (now - reminder.Due).Ticks / reminder.Period.Ticks);
        return reminder.Due + (reminder.Period * (missed + 1));
    }
}
