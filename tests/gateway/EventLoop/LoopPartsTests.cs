using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using JitGrains.Gateway.EventLoop;
using JitGrains.GatewayTests.Support;
using JitGrains.TestSupport;

namespace JitGrains.GatewayTests.EventLoop;

/// <summary>What the loop is made of, tried many times by several threads: nothing is lost, and nothing is done twice.</summary>
public sealed class LoopPartsTests
{
    [Fact]
    public async Task No_signal_between_a_look_and_the_wait_after_it_is_lost()
    {
        const int all = 200_000;
        var (there, taken, woken) = (0, 0, new SemaphoreSlim(0));
        var readiness = new Readiness(() => woken.Release());
        var sending = Task.Run(() =>
        {
            for (var i = 0; i < all; i++)
            {
                Interlocked.Increment(ref there);
                readiness.Signal();
            }
        });
        while (taken < all)
        {
            readiness.Clear();
            var now = Interlocked.Exchange(ref there, 0);
            taken += now;
            if (now == 0 && readiness.TryWait())
                Assert.True(await woken.WaitAsync(TimeSpan.FromSeconds(60)), "It waits for ever.");
        }

        await sending;
        Assert.Equal(0, woken.CurrentCount);
    }

    [Fact]
    public async Task Each_event_is_taken_by_one()
    {
        const int rounds = 20_000;
        var batch = new LoopBatch();
        var counts = new int[rounds * LoopBatch.Most];
        using var over = new CancellationTokenSource();
        var thieves = Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
        {
            while (!over.IsCancellationRequested)
                Take(batch, counts);
        })).ToArray();
        for (var round = 0; round < rounds; round++)
        {
            Fill(batch, round);
            while (Take(batch, counts))
            {
            }
        }

        await over.CancelAsync();
        await Task.WhenAll(thieves);
        Assert.All(counts, c => Assert.Equal(1, c));
    }

    private static unsafe void Fill(LoopBatch batch, int round)
    {
        for (var i = 0; i < LoopBatch.Most; i++)
            *(ulong*)(batch.Events + (i * Libc.EventSize) + Libc.EventSize - sizeof(ulong)) = (ulong)((round * LoopBatch.Most) + i);
        batch.Filled(LoopBatch.Most);
    }

    private static bool Take(LoopBatch batch, int[] counts)
    {
        if (!batch.TryTake(out _, out var data))
            return false;
        Interlocked.Increment(ref counts[(int)data]);
        return true;
    }

    [Fact]
    public void Work_is_late_for_as_long_as_what_came_waits()
    {
        var (sent, time, step) = (0, new ManualTime(), TimeSpan.FromMilliseconds(30));
        var probe = new LoopProbe(() => sent++, time);
        Assert.Equal(TimeSpan.Zero, probe.Late());
        time.Advance(step);
        Assert.Equal(step, probe.Late());
        time.Advance(step);
        Assert.Equal(2 * step, probe.Late());
        Assert.Equal(1, sent);
        time.Advance(step);
        probe.Answer();
        time.Advance(step);
        // What comes when nobody asked says nothing.
        probe.Answer();
        Assert.Equal(3 * step, probe.Late());
        Assert.Equal(2, sent);
        probe.Answer();
        Assert.Equal(TimeSpan.Zero, probe.Late());
    }

    [Fact]
    public async Task What_a_thread_that_is_kept_has_not_come_to_is_anothers_and_where_all_are_kept_there_is_one_more()
    {
        var (added, woken) = (0, 0);
        var (kept, idle) = (new LoopThread(isExtra: false), new LoopThread(isExtra: false) { IsWaiting = true });
        kept.Batch.Filled(2);
        Assert.True(kept.Batch.TryTake(out _, out _));
        kept.Begun();
        using var watch = new LoopWatch(() => [kept, idle], () => Interlocked.Increment(ref added), () => Interlocked.Increment(ref woken));
        watch.Begin();
        await Eventually.Holds(() => Volatile.Read(ref woken) > 0);
        Assert.Equal(0, Volatile.Read(ref added));
        idle.IsWaiting = false;
        await Eventually.Holds(() => Volatile.Read(ref added) > 0);
    }

    [Fact]
    public async Task A_read_that_is_cancelled_at_any_moment_ends_and_nothing_that_came_is_lost()
    {
        using var loop = new SocketLoop(TimeProvider.System);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var peer = new TcpClient();
        var accepting = listener.AcceptSocketAsync();
        await peer.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
        await using var connection = LoopConnection.Begin(loop, await accepting, new LoopMemory(System.Buffers.MemoryPool<byte>.Shared));
        const int all = 20_000;
        var sending = Task.Run(async () =>
        {
            for (var i = 0; i < all; i++)
                await peer.GetStream().WriteAsync(new[] { (byte)i });
        });
        using var over = new CancellationTokenSource();
        var cancelling = Task.Run(() =>
        {
            while (!over.IsCancellationRequested)
                connection.Input.CancelPendingRead();
        });
        var (count, ends) = (0, 0);
        while (count < all)
        {
            using var until = new CancellationTokenSource();
            ReadResult read;
            try
            {
                var reading = connection.Input.ReadAsync(until.Token);
                await until.CancelAsync();
                read = await reading.AsTask().WaitAsync(TimeSpan.FromSeconds(60));
            }
            catch (OperationCanceledException)
            {
                ends++;
                continue;
            }

            ends += read.IsCanceled ? 1 : 0;
            foreach (var piece in read.Buffer)
            {
                foreach (var one in piece.ToArray())
                    Assert.Equal((byte)count++, one);
            }

            connection.Input.AdvanceTo(read.Buffer.End);
        }

        await over.CancelAsync();
        await cancelling;
        await sending;
        Assert.True(ends > 0);
    }
}
