using System.Runtime.InteropServices;
using JitGrains.Audit;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Telemetry;
using JitGrains.Runtime.Engine;

namespace JitGrains.Gateway.Journal;

/// <summary>
/// The hash-chained journal of this gateway incarnation: allowed calls, many-use executions, denials, observations. Written
/// in batches, at least every second; calls that still run then are written as started. So a crash loses one batch at most,
/// and the next run's chain shows where this one broke off. Thread-safe.
/// </summary>
internal sealed partial class GatewayJournal(
    Incarnation incarnation, IAuditStore store, IStoreEpoch epoch, AuditSealer sealer, GatewayOptions options, GatewayMetrics metrics, TimeProvider time, ILogger<GatewayJournal> logger,
    TimeSpan? firstMayBeLate = null)
    : IHostedService, IDisposable
{
    /// <summary>A batch is one row of the store, and one commit; where it is full, it does not wait for its second to be over.</summary>
    private const int LargestBatch = 2_000;

    /// <summary>
    /// So many at a time are sealed by the call that ends last of them: what they are made of is still in the processor's caches then,
    /// and no call waits behind a whole batch.
    /// </summary>
    private const int LargestSlice = 32;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LastTry = TimeSpan.FromSeconds(5);

    /// <summary>How long a call waits for room before it is refused.</summary>
    private static readonly TimeSpan WaitForRoom = TimeSpan.FromSeconds(1);

    // Before calls have to wait for room, several batches are full.
    private readonly int batchSize = Math.Clamp(options.JournalCapacity / 5, 1, LargestBatch);
    private readonly Lock gate = new();
    private readonly SemaphoreSlim wake = new(0, 1);
    private readonly CancellationTokenSource stop = new();
    private readonly SemaphoreSlim writes = new(1, 1);
    private readonly JournalChain chain = new(incarnation, store, epoch, sealer, time, logger, firstMayBeLate ?? FirstEntry.MayBeLate);
    private readonly Queue<JournalItem> waiting = new();
    private TaskCompletionSource written = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Sealed, and not in the store yet. Changed by who has the writes and the gate.
    private List<JournalItem> unwritten = [];
    private JournalTicket? firstRunning;
    private int runningCount;
    private Task writing = Task.CompletedTask;

    /// <summary>The chain cannot go on: nothing is written until another has begun (<see cref="ChainBegan"/>).</summary>
    public event EventHandler? Broken;

    /// <summary>The chain's name.</summary>
    public string Source => chain.Source;

    /// <summary>Entries that are not durable yet.</summary>
    public int Pending
    {
        get
        {
            lock (gate)
                return waiting.Count + unwritten.Count;
        }
    }

    /// <summary>
    /// Begins a call's entry. Where the journal is full, the call waits for the next batches, so that callers slow down to
    /// the speed at which the store takes entries; null where that took too long or the caller left, and then the call must
    /// not run.
    /// </summary>
    /// <param name="about">What is known of the call, for its entry, whenever that is written.</param>
    /// <param name="callerLeft">Ends the wait.</param>
    public ValueTask<JournalTicket?> Begin(IJournalFacts about, CancellationToken callerLeft)
    {
        var ticket = new JournalTicket(this, time.GetUtcNow(), about);
        return TryAdmit(ticket, out var changed) ? ValueTask.FromResult<JournalTicket?>(ticket) : BeginWithRoom(ticket, changed, callerLeft);
    }

    /// <summary>The same where there is room now; null where there is none.</summary>
    public JournalTicket? TryBegin(IJournalFacts about)
    {
        var ticket = new JournalTicket(this, time.GetUtcNow(), about);
        return TryAdmit(ticket, out _) ? ticket : null;
    }

    private async ValueTask<JournalTicket?> BeginWithRoom(JournalTicket ticket, Task changed, CancellationToken callerLeft)
    {
        var began = time.GetTimestamp();
        metrics.StoreWait("journal");
        try
        {
            do
            {
                var left = WaitForRoom - time.GetElapsedTime(began);
                if (left <= TimeSpan.Zero)
                    return null;
                // What takes the room may be calls that run for long, and then no batch becomes full. What the store was offered has its own pace.
                if (!chain.IsOffered && Pending > 0)
                    Wake();
                await changed.WaitAsync(left, time, callerLeft);
            }
            while (!TryAdmit(ticket, out changed));
            return ticket;
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            return null;
        }
    }

    private bool TryAdmit(JournalTicket ticket, out Task changed)
    {
        lock (gate)
        {
            changed = written.Task;
            // Room is kept for what runs: its entry must find a place when it is over.
            if (waiting.Count + unwritten.Count + runningCount >= options.JournalCapacity)
                return false;
            runningCount++;
            ticket.IsRunning = true;
            ticket.Next = firstRunning;
            if (firstRunning is not null)
                firstRunning.Previous = ticket;
            firstRunning = ticket;
            return true;
        }
    }

    /// <summary>
    /// The first entry of the chain that the journal goes on in, null where it goes on in the one that it has. It is committed
    /// with the opening of the gateway's lease, and with the record that names the chain in the system chain: a process that
    /// dies on the way leaves none behind that nobody was told of, and a gateway need not have the right to write the system
    /// chain. One caller at a time.
    /// </summary>
    public AuditEntry? NextChain(string current) => chain.Next(current);

    /// <summary>It was committed: what waits is written to it.</summary>
    public async Task ChainBegan(AuditEntry first, string current)
    {
        await writes.WaitAsync();
        try
        {
            chain.Began(first, current, CollectionsMarshal.AsSpan(unwritten));
        }
        finally
        {
            writes.Release();
        }
    }

    /// <summary>Writes from when the first chain has begun.</summary>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        epoch.Changed += OnEpochChanged;
        metrics.Gauge("jitgrains.gateway.journal.pending", "{entry}", "Journal entries that are not durable yet.", () => Pending);
        writing = Write();
        return Task.CompletedTask;
    }

    /// <summary>Writes what is left.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await stop.CancelAsync();
        await writing;
        var deadline = time.GetTimestamp();
        while (!chain.IsBroken || Pending > 0)
        {
            if (await TryWriteBatch() && Pending == 0)
                return;
            if (cancellationToken.IsCancellationRequested || time.GetElapsedTime(deadline) > LastTry)
            {
                metrics.JournalLost(Pending);
                LogLost(logger, Pending);
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), time, CancellationToken.None);
        }
    }

    public void Dispose()
    {
        epoch.Changed -= OnEpochChanged;
        stop.Dispose();
        wake.Dispose();
        writes.Dispose();
    }

    internal void End(JournalTicket ticket, bool write)
    {
        bool isSlice;
        lock (gate)
        {
            if (!ticket.IsRunning)
                return;
            Leave(ticket);
            if (!write)
                return;
            waiting.Enqueue(new JournalItem(time.GetUtcNow(), ticket, IsNote: false));
            isSlice = waiting.Count >= Math.Min(batchSize, LargestSlice);
        }

        if (isSlice)
            SealSlice();
    }

    /// <summary>Seals what waits, unless somebody seals or writes at this moment: then it is done by the next who ends, or by the writer.</summary>
    private void SealSlice()
    {
        if (!writes.Wait(0, CancellationToken.None))
            return;
        bool isFull;
        try
        {
            if (chain.IsBroken || chain.IsOffered || unwritten.Count >= batchSize)
                return;
            lock (gate)
                Take(2 * LargestSlice);
            SealTaken();
            isFull = unwritten.Count >= batchSize;
        }
        finally
        {
            writes.Release();
        }

        if (isFull)
            Wake();
    }

    /// <summary>Takes what waits, so many at most, and no more than fit into a batch. In the gate.</summary>
    private void Take(int most)
    {
        for (var taken = 0; taken < most && unwritten.Count < batchSize && waiting.TryDequeue(out var next); taken++)
            unwritten.Add(next);
    }

    private void SealTaken() => chain.Seal(CollectionsMarshal.AsSpan(unwritten)[chain.Sealed..]);

    private void Leave(JournalTicket ticket)
    {
        ticket.IsRunning = false;
        runningCount--;
        if (ticket.Previous is { } previous)
            previous.Next = ticket.Next;
        else
            firstRunning = ticket.Next;
        if (ticket.Next is { } next)
            next.Previous = ticket.Previous;
        ticket.Next = ticket.Previous = null;
    }

    private void Wake()
    {
        try
        {
            if (wake.CurrentCount == 0)
                wake.Release();
        }
        catch (SemaphoreFullException)
        {
            // Somebody else woke it in between.
        }
    }

    private async Task Write()
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                using var tick = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
                await Task.WhenAny(wake.WaitAsync(tick.Token), Task.Delay(Interval, time, tick.Token));
                await tick.CancelAsync();
            }
            catch (OperationCanceledException)
            {
                return;
            }

            // One batch after the other while there are full ones: other writes find their turn in between.
            while (await TryWriteBatch() && HasFullBatch)
            {
            }
        }
    }

    private bool HasFullBatch
    {
        get
        {
            lock (gate)
                return waiting.Count >= batchSize;
        }
    }

    private async Task<bool> TryWriteBatch()
    {
        await writes.WaitAsync();
        try
        {
            return !chain.IsBroken && await WriteBatch();
        }
        finally
        {
            writes.Release();
        }
    }

    /// <summary>Chains what is left, once; the same chained entries are offered to the store until it has them.</summary>
    private async Task<bool> WriteBatch()
    {
        if (!chain.IsOffered)
            Offer();
        if (!chain.IsOffered)
            return true;
        try
        {
            await chain.Append();
        }
        catch (Exception e)
        {
            LogNotWritten(logger, e, unwritten.Count);
            if (chain.IsBroken)
                Broken?.Invoke(this, EventArgs.Empty);
            return false;
        }

        metrics.JournalWritten(unwritten.Count);
        TaskCompletionSource waited;
        lock (gate)
        {
            unwritten = [];
            (waited, written) = (written, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        waited.SetResult();
        return true;
    }

    private void Offer()
    {
        lock (gate)
        {
            Take(batchSize);
            var now = time.GetUtcNow();
            for (var ticket = firstRunning; ticket is not null; ticket = ticket.Next)
            {
                if (ticket.IsOlderThan(Interval, now) && ticket.TryNote())
                    unwritten.Add(new JournalItem(now, ticket, IsNote: true));
            }
        }

        SealTaken();
        chain.Offer();
    }

    private void OnEpochChanged(object? sender, EventArgs e) => chain.Break();
}
