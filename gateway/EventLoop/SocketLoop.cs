using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace JitGrains.Gateway.EventLoop;

/// <summary>
/// Waits for sockets, and goes on with what waited for them on the thread that found it: callers' connections and those to upstreams, so that
/// a call passes through without changing threads. One set of the kernel's for as many threads as there are processors; each
/// event is for one of them. A thread that is kept by a call for long (<see cref="LoopWatch"/>) keeps nobody waiting: others take what it
/// found, and where all are kept there is another. Linux only (epoll(7), watched for changes). Thread-safe.
/// </summary>
internal sealed class SocketLoop : IDisposable
{
    private const ulong Stop = 0;
    private const ulong Probed = 1;
    private const int GenerationShift = 32;

    private readonly SafeFileHandle set;
    private readonly SafeFileHandle stop;
    private readonly SafeFileHandle probe;
    private readonly LoopProbe probing;
    private readonly LoopWatch watch;
    private readonly Lock gate = new();
    private volatile LoopSocket?[] sockets = new LoopSocket?[256];
    private volatile LoopThread[] threads = [];
    private uint generations;
    private volatile bool isStopped;

    /// <summary>Starts its threads.</summary>
    /// <param name="time">What lateness is measured by.</param>
    /// <exception cref="SocketException">The system refuses what it needs.</exception>
    public SocketLoop(TimeProvider time)
    {
        (set, stop, probe) = (Libc.NewSet(), Libc.NewCounter(), Libc.NewCounter());
        Libc.Watch(set, stop, Libc.ControlAdd, Libc.In, Stop);
        Libc.Watch(set, probe, Libc.ControlAdd, Libc.In | Libc.OnChange, Probed);
        probing = new LoopProbe(() => Libc.Count(probe), time);
        watch = new LoopWatch(() => threads, () => Add(isExtra: true), () => Libc.Count(probe));
        for (var i = 0; i < Math.Max(2, Environment.ProcessorCount); i++)
            Add(isExtra: false);
    }

    /// <summary>Whether there can be one here.</summary>
    [SuppressMessage("Performance", "CA1822", Justification = "Of the type.")]
    public static bool IsSupported => OperatingSystem.IsLinux() && Environment.Is64BitProcess;

    /// <summary>Threads at the moment.</summary>
    public int Threads => threads.Length;

    /// <summary>How late work is begun: how long what came last, or is still waiting, has waited. Asks again for the next time. By one caller.</summary>
    public TimeSpan Late() => isStopped ? TimeSpan.Zero : probing.Late();

    /// <summary>Watches a socket until it is closed.</summary>
    /// <exception cref="ObjectDisposedException">It is closed, or the loop has stopped.</exception>
    public void Watch(LoopSocket socket, bool alsoWritable)
    {
        var number = (int)socket.Handle.DangerousGetHandle();
        lock (gate)
        {
            socket.Id = ((ulong)++generations << GenerationShift) | (uint)number;
            if (number >= sockets.Length)
            {
                var more = new LoopSocket?[Math.Max(number + 1, sockets.Length * 2)];
                sockets.CopyTo(more, 0);
                sockets = more;
            }

            sockets[number] = socket;
        }

        try
        {
            Libc.Watch(set, socket.Handle, Libc.ControlAdd, Watched | (alsoWritable ? Libc.Out : 0), socket.Id);
        }
        catch
        {
            Forget(socket);
            throw;
        }
    }

    /// <summary>Says again whether it is writable, and whenever that changes.</summary>
    /// <exception cref="ObjectDisposedException">It is closed, or the loop has stopped.</exception>
    public void WatchWritable(LoopSocket socket) => Libc.Watch(set, socket.Handle, Libc.ControlChange, Watched | Libc.Out, socket.Id);

    /// <summary>It is about to be closed: its number is another's soon.</summary>
    public void Forget(LoopSocket socket)
    {
        lock (gate)
        {
            var number = (int)(uint)socket.Id;
            if (ReferenceEquals(sockets[number], socket))
                sockets[number] = null;
        }
    }

    /// <summary>Ends its threads; what waits goes on waiting until it is closed. Does not wait for them: one may be its caller.</summary>
    public void Dispose()
    {
        if (isStopped)
            return;
        isStopped = true;
        watch.Dispose();
        // Watched for as long as it counts, not for changes: each thread finds it.
        Libc.Count(stop);
    }

    private const uint Watched = Libc.In | Libc.PeerHungUp | Libc.OnChange;

    private void Add(bool isExtra)
    {
        var one = new LoopThread(isExtra);
        lock (gate)
            threads = [.. threads, one];
        new Thread(() => Run(one)) { IsBackground = true, Name = "socket loop" }.Start();
    }

    private unsafe void Run(LoopThread me)
    {
        while (true)
        {
            while (TryTake(me, out var flags, out var data))
            {
                if (data == Stop)
                {
                    Leave(me);
                    return;
                }

                me.Begun();
                Handle(flags, data);
            }

            // Who waits is woken for what it can have at once: nobody takes more than one then.
            var count = Libc.Wait(set, me.Batch.Events, DoesAnotherWait(me) ? 1 : LoopBatch.Most, 0);
            if (count == 0)
            {
                me.IsWaiting = true;
                count = Libc.Wait(set, me.Batch.Events, 1, me.Patience);
                me.IsWaiting = false;
            }

            if (count > 0)
            {
                watch.Begin();
                me.Batch.Filled(count);
            }
            else if (me.IsExtra && DoesAnotherWait(me))
            {
                Leave(me);
                return;
            }
        }
    }

    /// <summary>The next of its own, or one that another thread has not come to.</summary>
    private bool TryTake(LoopThread me, out uint flags, out ulong data)
    {
        if (me.Batch.TryTake(out flags, out data))
            return true;
        foreach (var other in threads)
        {
            if (other.Batch.TryTake(out flags, out data))
                return true;
        }

        return false;
    }

    private bool DoesAnotherWait(LoopThread me)
    {
        foreach (var other in threads)
        {
            if (other.IsWaiting && other != me)
                return true;
        }

        return false;
    }

    private void Handle(uint flags, ulong data)
    {
        if (data == Probed)
        {
            probing.Answer();
            return;
        }

        var all = sockets;
        var number = (int)(uint)data;
        if (number < all.Length && all[number] is { } socket && socket.Id == data)
            socket.Came(flags);
    }

    private void Leave(LoopThread me)
    {
        lock (gate)
        {
            threads = [.. threads.Where(t => t != me)];
            if (!isStopped || threads.Length > 0)
                return;
        }

        set.Dispose();
        stop.Dispose();
        probe.Dispose();
    }
}
