using System.Runtime.InteropServices;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Telemetry;
using JitGrains.Runtime.Engine;
using JitGrains.Silo;

namespace JitGrains.Gateway.Overload;

/// <summary>
/// Stands between calls and the store: no more than so many wait for it at once, a caller's no more than a quarter of those, and
/// none while it is known not to answer, but for one in a while who finds out. So a store that is slow or gone is answered for at
/// once (503), calls that need none go on, and when it is back not everybody is there at the same moment. Thread-safe.
/// </summary>
internal sealed class StoreGuard(GatewayOptions options, GatewayMetrics metrics, TimeProvider time)
{
    private static readonly TimeSpan OpenFor = TimeSpan.FromMilliseconds(500);

    private readonly Lock gate = new();
    private readonly Dictionary<string, int> ofCaller = new(StringComparer.Ordinal);
    private readonly long openFor = (long)(OpenFor.TotalSeconds * time.TimestampFrequency);
    private StoreBreaker breaker;
    private int waiting;

    /// <summary>Calls that wait for the store.</summary>
    public int Waiting
    {
        get
        {
            lock (gate)
                return waiting;
        }
    }

    /// <summary>Asks the store.</summary>
    /// <exception cref="StoreUnavailableException">It was not asked: too many wait already, or it does not answer.</exception>
    public async Task<T> Ask<T>(string callerKey, Func<Task<T>> ask)
    {
        if (!TryEnter(callerKey))
            throw new StoreUnavailableException("The store does not keep up, or does not answer; it was not asked.");
        Exception? failure = null;
        try
        {
            return await ask();
        }
        catch (Exception e)
        {
            failure = e;
            throw;
        }
        finally
        {
            Leave(callerKey, failure);
        }
    }

    /// <summary>Whether a caller's call may ask the store now; if so, <see cref="Leave"/> follows.</summary>
    private bool TryEnter(string callerKey)
    {
        string? refused = null;
        lock (gate)
        {
            ref var own = ref CollectionsMarshal.GetValueRefOrAddDefault(ofCaller, callerKey, out _);
            if (waiting >= options.MaxStoreWaits || own >= Math.Max(1, options.MaxStoreWaits / 4))
                refused = "store_busy";
            else if (!Admits())
                refused = "store_gone";
            else
                (waiting, own) = (waiting + 1, own + 1);
            if (own == 0)
                ofCaller.Remove(callerKey);
        }

        if (refused is null)
            return true;
        metrics.Shed(refused);
        return false;
    }

    /// <summary>A call that was let through has its answer.</summary>
    /// <param name="callerKey">Whose it was.</param>
    /// <param name="failure">What was thrown, or null.</param>
    private void Leave(string callerKey, Exception? failure)
    {
        lock (gate)
        {
            waiting--;
            if (--CollectionsMarshal.GetValueRefOrNullRef(ofCaller, callerKey) == 0)
                ofCaller.Remove(callerKey);
            // Who lost a race had an answer.
            var answered = failure is null or InconsistentStateException || !StoreTrouble.IsPassing(failure);
            breaker = breaker.Left(answered, time.GetTimestamp(), openFor);
        }
    }

    private bool Admits()
    {
        (breaker, var admitted) = breaker.Enter(time.GetTimestamp());
        return admitted;
    }
}
