using System.Collections.Concurrent;
using JitGrains.Gateway.Hosting;
using JitGrains.Grants;
using JitGrains.Principals;
using JitGrains.Runtime.Engine;
using JitGrains.Silo;

namespace JitGrains.Gateway.Executions;

/// <summary>
/// Records what came of executions, and keeps at it until that is stored. At the start it records as <c>unknown</c> what an
/// earlier run of this gateway was cut off in: what came of those is never guessed, and they are not run again. Thread-safe.
/// </summary>
internal sealed partial class OutcomeRecorder(
    IGrainFactory grains, IReadModel readModel, IOutboxPump pump, Incarnation incarnation, GatewayOptions options, TimeProvider time, ILogger<OutcomeRecorder> logger) : IHostedService, IDisposable
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource stop = new();
    private readonly ConcurrentDictionary<string, Task> retrying = new(StringComparer.Ordinal);
    private Task recovery = Task.CompletedTask;

    /// <summary>Records an outcome; where that fails, goes on trying in the background. Never throws.</summary>
    public async Task Record(string callerKey, OutcomeCommand command)
    {
        if (!await TryRecord(callerKey, command))
            RecordLater(callerKey, command);
    }

    /// <summary>Records an outcome in the background.</summary>
    public void RecordLater(string callerKey, OutcomeCommand command) =>
        retrying.TryAdd(command.ExecutionId, Retry(callerKey, command));

    public Task StartAsync(CancellationToken cancellationToken)
    {
        // In a cluster others are running what they have open; who died is found by its lease.
        if (options is { Role: ProcessRole.All, Database: null })
            recovery = Recover();
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await stop.CancelAsync();
        await Task.WhenAll(retrying.Values.Append(recovery));
    }

    public void Dispose() => stop.Dispose();

    private async Task Recover()
    {
        try
        {
            // Consumptions whose messages are still on their way are found too.
            await pump.WhenIdleAsync(stop.Token);
            foreach (var cutOff in await readModel.ListOpenExecutionsAsync(incarnation.Id, stop.Token))
            {
                LogCutOff(logger, cutOff.Id, cutOff.Incarnation);
                await Record(cutOff.CallerKey, new OutcomeCommand(
                    cutOff.Id, new ExecutionOutcome(ExecutionStatus.Unknown, null, null, cutOff.StartedAt, time.GetUtcNow(), 0, 0)));
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The next start does it.
        }
        catch (Exception e)
        {
            LogRecoveryFailed(logger, e);
        }
    }

    private async Task Retry(string callerKey, OutcomeCommand command)
    {
        var wait = FirstRetry;
        try
        {
            do
            {
                await Task.Delay(wait, time, stop.Token);
                wait = wait < LongestRetry ? wait * 2 : LongestRetry;
            }
            while (!await TryRecord(callerKey, command));
        }
        catch (OperationCanceledException)
        {
            await TryRecord(callerKey, command);
        }

        retrying.TryRemove(command.ExecutionId, out _);
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
