using System.Collections.Concurrent;
using System.Collections.Immutable;
using JitGrains.Principals;

namespace JitGrains.Gateway.Executions;

/// <summary>
/// Records what came of executions, and keeps at it until that is stored. What a gateway that died was cut off in is recorded by
/// the silos, once its lease is over. Thread-safe.
/// </summary>
internal sealed partial class OutcomeRecorder : IHostedService, IDisposable
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(200);
    private const int RetriesAtOnce = 16;
    private static readonly TimeSpan LongestRetry = TimeSpan.FromSeconds(10);

    /// <summary>
    /// For how long an outcome waits for its caller's next use. A gateway that dies meanwhile leaves the execution as unknown, as one
    /// that dies before the outcome is written does in any case.
    /// </summary>
    private static readonly TimeSpan AlongWithin = TimeSpan.FromMilliseconds(20);

    private readonly IGrainFactory grains;
    private readonly TimeProvider time;
    private readonly ILogger<OutcomeRecorder> logger;
    private readonly CancellationTokenSource stop = new();
    private readonly SemaphoreSlim turns = new(RetriesAtOnce);
    private readonly ConcurrentDictionary<string, Task> retrying = new(StringComparer.Ordinal);
    private readonly WaitingOutcomes soon;

    // Completes once a stop has nothing more to wait for but what is tried again.
    private readonly TaskCompletionSource noneWaits = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public OutcomeRecorder(IGrainFactory grains, TimeProvider time, ILogger<OutcomeRecorder> logger)
    {
        (this.grains, this.time, this.logger) = (grains, time, logger);
        soon = new WaitingOutcomes(AlongWithin, time, (callerKey, commands) => _ = RecordByThemselves(callerKey, commands));
    }

    /// <summary>Outcomes that are not stored yet. Those that are tried again are counted last: from the others they come.</summary>
    public int Open => soon.Open + retrying.Count;

    /// <summary>Records an outcome; where that fails, goes on trying in the background. Never throws.</summary>
    public async Task Record(string callerKey, OutcomeCommand command)
    {
        if (!await TryRecord(callerKey, command))
            RecordLater(callerKey, command);
    }

    /// <summary>Records an outcome with the caller's next use if that comes within a moment (<see cref="TakeAlong"/>), otherwise in the background.</summary>
    public void RecordSoon(string callerKey, OutcomeCommand command) => soon.Add(callerKey, command);

    /// <summary>Takes out what waits for the caller's next use; <see cref="WereTaken"/> must follow.</summary>
    public ImmutableArray<OutcomeCommand> TakeAlong(string callerKey) => soon.Take(callerKey);

    /// <summary>What became of what was taken out: where it is not known to be recorded, that is seen to in the background.</summary>
    public void WereTaken(string callerKey, ImmutableArray<OutcomeCommand> commands, bool recorded)
    {
        if (commands.IsEmpty)
            return;
        if (!recorded)
        {
            foreach (var command in commands)
                RecordLater(callerKey, command);
        }

        AreDone(commands.Length);
    }

    /// <summary>Records an outcome in the background.</summary>
    public void RecordLater(string callerKey, OutcomeCommand command) =>
        retrying.TryAdd(command.ExecutionId, Retry(callerKey, command));

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await stop.CancelAsync();
        soon.End();
        // Also for those that a timer was just giving out, or a use had taken along: they are open from then on.
        AreDone(0);
        await noneWaits.Task;
        await Task.WhenAll(retrying.Values);
    }

    public void Dispose()
    {
        soon.Dispose();
        stop.Dispose();
        turns.Dispose();
    }

    private async Task RecordByThemselves(string callerKey, List<OutcomeCommand> commands)
    {
        foreach (var command in commands)
        {
            await Record(callerKey, command);
            AreDone(1);
        }
    }

    /// <summary>So many are stored, or tried again. Whichever comes last, this or the stop, sees that none waits.</summary>
    private void AreDone(int count)
    {
        soon.Done(count);
        if (stop.IsCancellationRequested && soon.Open == 0)
            noneWaits.TrySetResult();
    }

    private async Task Retry(string callerKey, OutcomeCommand command)
    {
        var wait = FirstRetry;
        try
        {
            do
            {
                // Not all in the same moment, and a few at a time: a store that comes back is not met by everything that it missed.
                await Task.Delay(wait * Spread(command.ExecutionId), time, stop.Token);
                wait = wait < LongestRetry ? wait * 2 : LongestRetry;
            }
            while (!await TryRecordInTurn(callerKey, command));
        }
        catch (OperationCanceledException)
        {
            await TryRecord(callerKey, command);
        }

        retrying.TryRemove(command.ExecutionId, out _);
    }

    /// <summary>From 0.5 to 1.5, the same for the same id.</summary>
    private static double Spread(string id) => 0.5 + ((uint)id.GetHashCode(StringComparison.Ordinal) / (double)uint.MaxValue);

    private async Task<bool> TryRecordInTurn(string callerKey, OutcomeCommand command)
    {
        await turns.WaitAsync(stop.Token);
        try
        {
            return await TryRecord(callerKey, command);
        }
        finally
        {
            turns.Release();
        }
    }

    private async Task<bool> TryRecord(string callerKey, OutcomeCommand command)
    {
        try
        {
            await grains.GetGrain<IPrincipalGrain>(callerKey).RecordOutcome(command);
            return true;
        }
        catch (Exception e)
        {
            LogNotRecorded(logger, e, command.ExecutionId);
            return false;
        }
    }
}
