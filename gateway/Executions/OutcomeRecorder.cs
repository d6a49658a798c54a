using System.Collections.Concurrent;
using JitGrains.Principals;

namespace JitGrains.Gateway.Executions;

/// <summary>
/// Records what came of executions, and keeps at it until that is stored. What a gateway that died was cut off in is recorded by
/// the silos, once its lease is over. Thread-safe.
/// </summary>
internal sealed partial class OutcomeRecorder(IGrainFactory grains, TimeProvider time, ILogger<OutcomeRecorder> logger) : IHostedService, IDisposable
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(200);
    private const int RetriesAtOnce = 16;
    private static readonly TimeSpan LongestRetry = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource stop = new();
    private readonly SemaphoreSlim turns = new(RetriesAtOnce);
    private readonly ConcurrentDictionary<string, Task> retrying = new(StringComparer.Ordinal);

    /// <summary>Outcomes that are not stored yet.</summary>
    public int Open => retrying.Count;

    /// <summary>Records an outcome; where that fails, goes on trying in the background. Never throws.</summary>
    public async Task Record(string callerKey, OutcomeCommand command)
    {
        if (!await TryRecord(callerKey, command))
            RecordLater(callerKey, command);
    }

    /// <summary>Records an outcome in the background.</summary>
    public void RecordLater(string callerKey, OutcomeCommand command) =>
        retrying.TryAdd(command.ExecutionId, Retry(callerKey, command));

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await stop.CancelAsync();
        await Task.WhenAll(retrying.Values);
    }

    public void Dispose()
    {
        stop.Dispose();
        turns.Dispose();
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
