using JitGrains.Gateway.Executions;
using JitGrains.Gateway.Grants;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Journal;
using JitGrains.Gateway.Telemetry;
using JitGrains.Gateways;
using JitGrains.Identity;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Revocation;

namespace JitGrains.Gateway.Leases;

/// <summary>
/// Registers this gateway, renews its lease and reads its mail. A lease that is lost is never taken up again: the process
/// registers as a fresh incarnation, with nothing remembered. docs/revocation.md says why each step is where it is.
/// Thread-safe.
/// </summary>
internal sealed partial class LeaseKeeper(
    IGrainFactory grains,
    IReadModel readModel,
    IClusterBus bus,
    IStoreEpoch epoch,
    GatewayLease lease,
    LeaseMail mail,
    MailBell bell,
    FormerIncarnations former,
    ExecutionRegistry registry,
    GrantViews views,
    GatewayJournal journal,
    Incarnation process,
    IIdGenerator ids,
    GatewayOptions options,
    LeaseClock clock,
    StoreTime storeTime,
    LeaseTime time,
    GatewayMetrics metrics,
    ILogger<LeaseKeeper> logger) : IHostedService, IDisposable
{
    private static readonly TimeSpan RegisterAgain = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan RegisterAgainAtMost = TimeSpan.FromSeconds(2);

    /// <summary>How long a start tries to register, and a stop to close.</summary>
    private static readonly TimeSpan KeepTrying = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource stop = new();
    private readonly SemaphoreSlim mailWaits = new(0, 1);
    private readonly SemaphoreSlim woken = new(0, 1);
    private readonly string name = $"{Environment.MachineName}:{options.Port}";

    // The incarnation whose mail is read: registered, though its lease may not count yet.
    private volatile string? open;
    private volatile bool givenUp;
    private long renewals;
    private bool recheck;
    private IDisposable? news;
    private IDisposable? told;
    private Task keeping = Task.CompletedTask;
    private Task reading = Task.CompletedTask;

    private IGatewayDirectoryGrain Directory => grains.GetGrain<IGatewayDirectoryGrain>(IGatewayDirectoryGrain.Key);

    /// <summary>Registers; nothing is served before that.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        // Listening comes first: whatever is told from the registration on is heard.
        news = bus.Subscribe(BusTopics.Mail, m =>
        {
            if (m.Key == open)
                Signal(mailWaits);
        });
        told = bell.OnTold((id, what, answerTo) =>
        {
            if (open is { } incarnation)
                _ = ApplyTold(incarnation, id, what, answerTo);
        });
        bus.Resumed += OnMailMayWait;
        epoch.Changed += OnEpochChanged;
        journal.Broken += OnJournalBroken;
        metrics.Gauge("jitgrains.gateway.lease.left", "ms", "How long the lease holds yet; 0 without one.", () => (long)lease.Left.TotalMilliseconds);
        reading = ReadMail();
        var began = time.Provider.GetTimestamp();
        while (true)
        {
            try
            {
                if (await Register(cancellationToken))
                    break;
            }
            catch (Exception e) when (time.Provider.GetElapsedTime(began) < KeepTrying && !cancellationToken.IsCancellationRequested)
            {
                LogNotRegistered(logger, e);
            }

            Lose();
            await Task.Delay(RegisterAgain, time.Provider, cancellationToken);
        }

        keeping = Keep();
    }

    /// <summary>Gives the lease up and says so, so that nobody waits for it.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await stop.CancelAsync();
        await Task.WhenAll(keeping, reading);
        Lose(stops: true);
        try
        {
            await former.Tidy(LeaseEnds.Stopped).WaitAsync(KeepTrying, time.Provider, cancellationToken);
        }
        catch (Exception e)
        {
            LogNotClosed(logger, e);
        }
    }

    public void Dispose()
    {
        news?.Dispose();
        told?.Dispose();
        bus.Resumed -= OnMailMayWait;
        epoch.Changed -= OnEpochChanged;
        journal.Broken -= OnJournalBroken;
        stop.Dispose();
        mailWaits.Dispose();
        woken.Dispose();
    }

    private async Task Keep()
    {
        var wait = RegisterAgain;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                if (open is { } incarnation && !givenUp && lease.Left > TimeSpan.Zero)
                {
                    await Pause(lease.Left < options.LeaseRenewal ? lease.Left : options.LeaseRenewal);
                    if (givenUp || stop.IsCancellationRequested || !await Renew(incarnation))
                        continue;
                    if (recheck)
                        await Recheck(stop.Token);
                    await former.Tidy(LeaseEnds.Succeeded);
                    continue;
                }

                Lose();
                if (await Register(stop.Token))
                {
                    wait = RegisterAgain;
                    await former.Tidy(LeaseEnds.Succeeded);
                }
                else
                {
                    await Pause(RegisterAgain);
                }
            }
            catch (Exception e) when (!stop.IsCancellationRequested)
            {
                // Told once for each outage; that it goes on shows in the metrics.
                if (wait == RegisterAgain)
                    LogFailed(logger, e);
                await Pause(wait);
                wait = wait < RegisterAgainAtMost ? wait * 2 : wait;
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>Registers as a fresh incarnation; false where that came to nothing.</summary>
    private async Task<bool> Register(CancellationToken cancellation)
    {
        var incarnation = ids.NewIncarnationId();
        string epochThen;
        do
        {
            // A store that goes back after this has forgotten the entry: a lease that is opened there is on no list, and must not count.
            epochThen = epoch.Current;
            var entered = await Directory.Add(new GatewayEntry(incarnation, process.Id, name)).WaitAsync(options.Lease, time.Provider, cancellation);
            if (entered.Refusal is not null)
                return false;
        }
        while (epoch.Current != epochThen);
        // From the list on, whoever changes something tells this incarnation, or finds it not open yet and needs not.
        givenUp = false;
        var chain = journal.NextChain(epochThen);
        open = incarnation;
        var sentAt = clock.Now;
        var command = new OpenLease(process.Id, name, options.Lease, options.AllowMaxStale, chain);
        var opened = await grains.GetGrain<IGatewayGrain>(incarnation).Open(command).WaitAsync(options.Lease, time.Provider, cancellation);
        renewals = 0;
        if (opened.Value is not { } began)
            return false;
        if (chain is not null)
            await journal.ChainBegan(chain, epochThen);
        TellTime(began, sentAt);
        Signal(mailWaits);
        // What was read before the lease was opened, nobody had to tell about: all of it goes before the lease counts.
        if (!await mail.Apply([new Invalidation.Everything()], options.Lease, cancellation))
            return false;
        if (clock.Since(sentAt) > options.Lease / 2)
        {
            // That took its time: the lease has to be live when it begins to count.
            sentAt = clock.Now;
            if (!await TryRenew(incarnation, cancellation))
                return false;
        }

        if (givenUp || epoch.Current != epochThen || !lease.Begin(incarnation, sentAt))
            return false;
        metrics.LeaseBegan();
        former.Registered(process.Id, incarnation);
        LogRegistered(logger, incarnation);
        recheck = true;
        await Recheck(cancellation);
        return true;
    }

    /// <summary>What was revoked while nobody could tell this gateway ends here. That it ends a little later changes nothing about what starts.</summary>
    private async Task Recheck(CancellationToken cancellation)
    {
        try
        {
            await registry.Recheck(readModel, cancellation);
            recheck = false;
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested)
        {
            LogNotRechecked(logger, e);
        }
    }

    private async Task<bool> Renew(string incarnation)
    {
        var sentAt = clock.Now;
        if (lease.Left <= TimeSpan.Zero)
            return false;
        try
        {
            if (await TryRenew(incarnation, stop.Token) && lease.Renew(sentAt))
                return true;
            givenUp = true;
        }
        catch (Exception e) when (!stop.IsCancellationRequested)
        {
            // The lease goes on for as long as it holds.
            LogNotRenewed(logger, e, lease.Left.TotalSeconds);
            await Pause(RegisterAgain);
        }

        return false;
    }

    private async Task<bool> TryRenew(string incarnation, CancellationToken cancellation)
    {
        var sentAt = clock.Now;
        var reply = await grains.GetGrain<IGatewayGrain>(incarnation).Renew(new RenewLease(renewals, [])).WaitAsync(options.Lease / 2, time.Provider, cancellation);
        if (reply.Value is not { } renewed)
            return false;
        renewals = renewed.Renewals;
        TellTime(renewed, sentAt);
        if (!renewed.Mail.IsEmpty)
            Signal(mailWaits);
        return true;
    }

    private void TellTime(LeaseView told, LeaseInstant sentAt)
    {
        // A store of this process alone has this process' clock.
        if (epoch.IsShared)
            storeTime.Tell(told.RenewedAt, sentAt);
    }

    /// <summary>Nothing is answered from memory any more, and what has not started does not.</summary>
    private void Lose(bool stops = false)
    {
        lease.End();
        views.DropAll();
        var drained = registry.KillUnstarted();
        if (open is not { } incarnation)
            return;
        open = null;
        if (stops)
            LogStopped(logger, incarnation);
        else
            LogLost(logger, incarnation);
        former.Add(incarnation, drained);
    }

    private async Task ReadMail()
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await mailWaits.WaitAsync(stop.Token);
                if (open is { } incarnation && !await mail.Read(incarnation, stop.Token) && open == incarnation)
                    GiveUp();
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // The next renewal says whether there is mail.
                LogMailNotRead(logger, e);
            }
        }
    }

    /// <summary>What came by the bus: nothing is read or written for it, and several are at it at once.</summary>
    private async Task ApplyTold(string incarnation, string id, Invalidation what, AnswerTo answerTo)
    {
        try
        {
            var applied = await mail.Apply([what], options.DrainWithin, stop.Token);
            if (open != incarnation)
                return;
            if (applied)
                bell.Acknowledge(incarnation, [id], answerTo);
            else
                GiveUp();
        }
        catch (Exception) when (stop.IsCancellationRequested)
        {
            // The lease is given up in a moment.
        }
    }

    private void GiveUp()
    {
        givenUp = true;
        lease.End();
        Signal(woken);
    }

    private void OnMailMayWait(object? sender, EventArgs e)
    {
        Signal(mailWaits);
        // The bus is back, and so may be the store.
        Signal(woken);
    }

    private void OnEpochChanged(object? sender, EventArgs e)
    {
        GiveUp();
        views.DropAll();
    }

    // Its next chain begins with a registration.
    private void OnJournalBroken(object? sender, EventArgs e) => GiveUp();

    private async Task Pause(TimeSpan atMost)
    {
        using var cut = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
        await Task.WhenAny(woken.WaitAsync(cut.Token), Task.Delay(atMost, time.Provider, cut.Token));
        await cut.CancelAsync();
    }

    private static void Signal(SemaphoreSlim semaphore)
    {
        try
        {
            if (semaphore.CurrentCount == 0)
                semaphore.Release();
        }
        catch (Exception e) when (e is SemaphoreFullException or ObjectDisposedException)
        {
            // Somebody else did in between, or nobody waits any more.
        }
    }
}
