using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.Runtime.Engine;

/// <summary>Runs turns: in the caller's process, on the caller's thread where the grain is free, one grain's turns one after the other.</summary>
internal sealed class TurnRunner(IGrainStore store, IStoreEpoch epoch, CommitHub commits, TurnQueues queues, IServiceScopeFactory scopes, TimeProvider time, EngineTelemetry telemetry)
{
    // Follows the turn's own flow of execution, so that a call from within it is known as one.
    private static readonly AsyncLocal<Marker?> Current = new();

    /// <summary>
    /// Runs one turn. What it wrote before it threw stays, as on Orleans; reminders that it changed after its last write
    /// are dropped then, with the rest of what it did not get to.
    /// </summary>
    public async Task<TResult> RunAsync<TResult>(GrainClass grainClass, string key, string method, Func<Grain, Task<TResult>> body, bool readOnly = false)
    {
        var grain = new GrainId(grainClass.Name, key);
        // A turn that joins another's transaction is none that it calls, and has its place in the queue.
        var joined = JoinedTurn.TakeSession(grain);
        if (joined is null && Current.Value is { Running: true } outer)
            throw new InvalidOperationException($"a turn never calls another grain: {outer.What} called {grain.Type}.{method}; send an outbox message instead");

        using var activity = EngineTelemetry.StartTurn(grain.Type, method);
        var queuedAt = time.GetTimestamp();
        // What only reads sees what is written, and has nobody to wait for.
        var queued = !readOnly && joined is null;
        if (queued)
            await queues.EnterAsync(grain);
        var marker = new Marker($"{grain.Type}.{method}");
        var succeeded = false;
        try
        {
            Current.Value = marker;
            var result = await RunAsync(grainClass, grain, body, joined, readOnly);
            succeeded = true;
            return result;
        }
        finally
        {
            // Work that the turn left running carries the marker on, and is no longer within a turn.
            marker.Running = false;
            if (queued)
                queues.Leave(grain);
            if (!succeeded)
                activity?.SetStatus(ActivityStatusCode.Error);
            telemetry.TurnEnded(grain.Type, method, time.GetElapsedTime(queuedAt), succeeded);
        }
    }

    private async Task<TResult> RunAsync<TResult>(GrainClass grainClass, GrainId grain, Func<Grain, Task<TResult>> body, ITurnSession? joined, bool readOnly)
    {
        await using var session = joined ?? await store.BeginTurnAsync(grain, readOnly, CancellationToken.None);
        OutboxDelivery.Check(epoch);
        await using var scope = scopes.CreateAsyncScope();
        scope.ServiceProvider.GetRequiredService<TurnClock>().Set(session.Now);
        var turn = new Turn(grain, session, commits, queues);
        try
        {
            var result = await body(grainClass.Create(scope.ServiceProvider, turn));
            await turn.CompleteAsync();
            return result;
        }
        finally
        {
            turn.End();
        }
    }

    private sealed class Marker(string what)
    {
        public string What { get; } = what;

        public volatile bool Running = true;
    }
}
