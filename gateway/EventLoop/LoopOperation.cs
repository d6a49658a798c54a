using System.Diagnostics.CodeAnalysis;
using System.Threading.Tasks.Sources;

namespace JitGrains.Gateway.EventLoop;

/// <summary>
/// Something that a socket does at once or when it can: to receive, to send. For one caller at a time, who waits for one before the next;
/// it goes on where the loop found that it can.
/// </summary>
/// <typeparam name="T">What comes of it.</typeparam>
/// <param name="mostInARow">After so many that did not have to wait the next goes on on a thread of the pool, so that what flows without a pause does not keep one of the loop's.</param>
internal abstract class LoopOperation<T>(int mostInARow) : IValueTaskSource<T>, IThreadPoolWorkItem
{
    /// <summary>What is received.</summary>
    public const int Received = 16;

    /// <summary>What is sent was received from somewhere.</summary>
    public const int Sent = int.MaxValue;

    private ManualResetValueTaskSourceCore<T> source;
    private CancellationTokenRegistration cancellation;
    private int inARow;
    private bool isPending;
    [AllowNull]
    private T postponed;

    /// <summary>Whether it can be done.</summary>
    protected abstract Readiness Readiness { get; }

    /// <summary>Does it, or finds that it has to wait. What it throws is thrown to who asked.</summary>
    protected abstract bool TryDo([MaybeNullWhen(false)] out T result);

    /// <summary>Before it waits.</summary>
    protected virtual void BeforeWaiting()
    {
    }

    /// <summary>Does it, now or when it can be.</summary>
    /// <param name="until">Ends the wait with an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="InvalidOperationException">The one before is not over.</exception>
    public ValueTask<T> Run(CancellationToken until = default)
    {
        if (isPending)
            throw new InvalidOperationException("One at a time.");
        while (true)
        {
            if (TryDo(out var result))
            {
                if (++inARow < mostInARow)
                    return new ValueTask<T>(result);
                inARow = 0;
                source.Reset();
                source.RunContinuationsAsynchronously = false;
                (postponed, isPending) = (result, true);
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                return new ValueTask<T>(this, source.Version);
            }

            inARow = 0;
            source.Reset();
            source.RunContinuationsAsynchronously = false;
            BeforeWaiting();
            isPending = true;
            if (!Readiness.TryWait())
            {
                isPending = false;
                continue;
            }

            var waiting = new ValueTask<T>(this, source.Version);
            if (until.CanBeCanceled)
                cancellation = until.UnsafeRegister(static me => ((LoopOperation<T>)me!).Cancel(), this);
            return waiting;
        }
    }

    /// <summary>It can be done now. On a thread of the loop, or wherever the socket was closed.</summary>
    public void Wake()
    {
        do
        {
            T? result;
            try
            {
                if (!TryDo(out result))
                    continue;
            }
#pragma warning disable CA1031 // Whatever it is, it is for who asked.
            catch (Exception e)
#pragma warning restore CA1031
            {
                source.SetException(e);
                return;
            }

            source.SetResult(result);
            return;
        }
        while (!Readiness.TryWait());
    }

    /// <summary>Ends a wait with this, on another thread; false where nobody waits.</summary>
    protected bool TryEnd(Func<T> result)
    {
        if (!Readiness.TryLeave())
            return false;
        source.RunContinuationsAsynchronously = true;
        source.SetResult(result());
        return true;
    }

    private void Cancel()
    {
        if (!Readiness.TryLeave())
            return;
        source.RunContinuationsAsynchronously = true;
        source.SetException(new OperationCanceledException(cancellation.Token));
    }

    void IThreadPoolWorkItem.Execute()
    {
        var result = postponed;
        postponed = default;
        source.SetResult(result);
    }

    T IValueTaskSource<T>.GetResult(short token)
    {
        // Waits for a cancellation that is under way: it must not end the next wait.
        cancellation.Dispose();
        (cancellation, isPending) = (default, false);
        return source.GetResult(token);
    }

    ValueTaskSourceStatus IValueTaskSource<T>.GetStatus(short token) => source.GetStatus(token);

    void IValueTaskSource<T>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        source.OnCompleted(continuation, state, token, flags);
}
