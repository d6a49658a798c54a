namespace JitGrains.Runtime.Engine;

/// <summary>Lets one loop sleep until a time, or until somebody rings. Ringing is thread-safe and is never lost.</summary>
internal sealed class Alarm(TimeProvider time)
{
    private TaskCompletionSource rung = NewSignal();

    public void Ring() => Volatile.Read(ref rung).TrySetResult();

    public async Task WaitUntilAsync(DateTimeOffset when, CancellationToken cancellationToken)
    {
        var signal = rung.Task;
        using var done = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var wait = when - time.GetUtcNow();
        if (wait > TimeSpan.Zero && !signal.IsCompleted)
        {
            var timer = Task.Delay(wait, time, done.Token);

            // Time may have moved on between reading the clock and setting the timer by it.
            if (time.GetUtcNow() < when)
                await Task.WhenAny(signal, timer);
            await done.CancelAsync();
        }

        cancellationToken.ThrowIfCancellationRequested();
        if (signal.IsCompleted)
            Volatile.Write(ref rung, NewSignal());
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
