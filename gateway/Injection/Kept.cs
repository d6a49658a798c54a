namespace JitGrains.Gateway.Injection;

/// <summary>What a fetch brought.</summary>
/// <param name="Value">The value, or null where there is none.</param>
/// <param name="Renew">After how long it is fetched anew; of a failure, after how long it is tried again.</param>
/// <param name="Keep">How long it may be used; of a failure, nothing.</param>
/// <param name="Why">Of a failure, why: one of our own words, never a secret.</param>
/// <param name="Gone">Of a failure, whether what was fetched before must not be used any more.</param>
internal readonly record struct Fetched<T>(T? Value, TimeSpan Renew, TimeSpan Keep, string? Why = null, bool Gone = true)
    where T : class
{
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(1);

    public static Fetched<T> Failed(string why, bool gone = true) => new(null, Again, default, why, gone);
}

/// <summary>
/// Something that is fetched, kept for a time and fetched anew ahead of its end: by one at a time, however many want it. While
/// what was fetched may still be used nobody waits. Thread-safe.
/// </summary>
internal sealed class Kept<T>(string name, Func<Task<Fetched<T>>> fetch, TimeProvider time, ILogger logger)
    where T : class
{
    private readonly Lock gate = new();
    private Task? fetching;
    private T? value;
    private long fetchedAt;
    private long failedAt;
    private TimeSpan renew;
    private TimeSpan keep;
    private TimeSpan again;
    private bool failing;

    /// <summary>What there is, fetched where there is none; null where it cannot be had.</summary>
    public ValueTask<T?> Get()
    {
        var (current, waits) = Look();
        return current is not null || waits is null ? ValueTask.FromResult(current) : Await(waits);
    }

    /// <summary>What there is now. Has it fetched where there is none or it is old, and does not wait for that.</summary>
    public T? Peek() => Look().Value;

    /// <summary>Somebody was refused what was fetched. It is fetched anew by the next that wants it, unless it is as young as this.</summary>
    public void Doubt(TimeSpan youngest)
    {
        lock (gate)
        {
            if (value is not null && time.GetElapsedTime(fetchedAt) >= youngest)
                value = null;
        }
    }

    private async ValueTask<T?> Await(Task fetched)
    {
        await fetched;
        lock (gate)
            return value;
    }

    private (T? Value, Task? Fetching) Look()
    {
        TaskCompletionSource begun;
        lock (gate)
        {
            var age = time.GetElapsedTime(fetchedAt);
            if (value is not null && age >= keep)
                value = null;
            var isDue = (value is null || age >= renew) && (!failing || time.GetElapsedTime(failedAt) >= again);
            if (!isDue || fetching is not null)
                return (value, fetching);
            begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            fetching = begun.Task;
        }

        _ = Fetch(begun);
        lock (gate)
            return (value, begun.Task);
    }

    private async Task Fetch(TaskCompletionSource done)
    {
        Fetched<T> fetched;
        try
        {
            fetched = await fetch();
        }
        catch (Exception e)
        {
            // Of its text nothing is said: it may hold what was fetched.
            fetched = Fetched<T>.Failed(e.GetType().Name, gone: false);
        }

        bool changed;
        lock (gate)
        {
            var failed = fetched.Value is null;
            changed = failed != failing;
            failing = failed;
            if (failed)
            {
                (failedAt, again) = (time.GetTimestamp(), fetched.Renew);
                if (fetched.Gone)
                    value = null;
            }
            else
            {
                (value, fetchedAt, renew, keep) = (fetched.Value, time.GetTimestamp(), fetched.Renew, fetched.Keep);
            }

            fetching = null;
        }

        if (changed && fetched.Value is null)
            InjectionLog.Failing(logger, name, fetched.Why ?? "no reason given");
        else if (changed)
            InjectionLog.Again(logger, name);
        done.SetResult();
    }
}

internal static partial class InjectionLog
{
    [LoggerMessage(3720, LogLevel.Error, "{Name} cannot be had ({Why}): calls that need it are refused")]
    public static partial void Failing(ILogger logger, string name, string why);

    [LoggerMessage(3721, LogLevel.Information, "{Name} can be had again")]
    public static partial void Again(ILogger logger, string name);
}
