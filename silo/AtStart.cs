using JitGrains.Runtime.Engine;

namespace JitGrains.Silo;

/// <summary>What a process needs of its store in order to start. Stateless.</summary>
public static class AtStart
{
    /// <summary>How long a start tries it: processes that start at once wait for each other, and a store may take its time.</summary>
    public static readonly TimeSpan Within = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    /// <summary>Does it, again and again while the store is away or busy; it must be possible to do it twice.</summary>
    /// <exception cref="StartupException">The store was for as long as <see cref="Within"/>.</exception>
    public static Task<T> Reach<T>(Func<Task<T>> use, TimeProvider time, CancellationToken cancellationToken = default) =>
        Reach(use, time, static _ => { }, cancellationToken);

    /// <summary>The same.</summary>
    /// <param name="use">What is done.</param>
    /// <param name="time">The clock.</param>
    /// <param name="waits">Is told what is waited for, each time that it is.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="StartupException">The store was for as long as <see cref="Within"/>.</exception>
    public static async Task<T> Reach<T>(Func<Task<T>> use, TimeProvider time, Action<string> waits, CancellationToken cancellationToken = default)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            try
            {
                return await use();
            }
            catch (Exception e) when (StoreTrouble.IsPassing(e) && time.GetElapsedTime(began) < Within)
            {
                waits($"The store cannot be used: {e.Message}");
                await Task.Delay(Pause, time, cancellationToken);
            }
            catch (Exception e) when (StoreTrouble.IsPassing(e))
            {
                throw new StartupException($"The store cannot be used: {e.Message}", e);
            }
        }
    }

    /// <summary>The same, where nothing is answered.</summary>
    public static Task Reach(Func<Task> use, TimeProvider time, CancellationToken cancellationToken = default) =>
        Reach(
            async () =>
            {
                await use();
                return true;
            },
            time,
            cancellationToken);
}
