namespace JitGrains.ClusterTests.Wire;

/// <summary>Waits for what is bound to come, looking again and again, with a deadline that only a broken run meets.</summary>
internal static class Until
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static Task Holds(Func<bool> condition, string? what = null, TimeSpan? patience = null) => Holds(() => Task.FromResult(condition()), what, patience);

    public static async Task Holds(Func<Task<bool>> condition, string? what = null, TimeSpan? patience = null)
    {
        var from = TimeProvider.System.GetTimestamp();
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!await condition())
        {
            if (TimeProvider.System.GetElapsedTime(from) > (patience ?? Patience))
                throw new TimeoutException($"waited in vain until {what ?? "something held"}");
            await pause.WaitForNextTickAsync();
        }
    }

    /// <summary>Time as a part of the scenario: how long a fault lasts, or load goes on.</summary>
    public static async Task Passed(TimeSpan time, CancellationToken cancellation = default)
    {
        using var timer = new PeriodicTimer(time.TotalMilliseconds < 1 ? TimeSpan.FromMilliseconds(1) : time);
        await timer.WaitForNextTickAsync(cancellation);
    }
}
