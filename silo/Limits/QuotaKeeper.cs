using JitGrains.Identity;
using JitGrains.Limits;
using JitGrains.Policy;
using JitGrains.Quotas;
using JitGrains.Silo.Policies;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace JitGrains.Silo.Limits;

/// <summary>
/// Leases this process' parts of shared limits, ahead of the calls that need them: when it starts, each second, and when
/// another policy comes into force. Where the store does not answer, what was leased last is used on; once its time is over,
/// no more than a fair share, for then others may have it too. Thread-safe.
/// </summary>
internal sealed partial class QuotaKeeper(Limiting limiting, IPolicyProvider policies, IGrainFactory grains, IIdGenerator ids, SiloOptions options, TimeProvider time, ILogger<QuotaKeeper> logger)
    : BackgroundService
{
    private static readonly TimeSpan Renewal = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly string process = ids.NewIncarnationId();
    private readonly SemaphoreSlim wake = new(0, 1);
    private readonly Dictionary<string, Part> parts = new(StringComparer.Ordinal);
    private bool failing;

    /// <summary>Has parts before the first call comes, where the store answers.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        policies.Changed += Wake;
        await Renew();
        await base.StartAsync(cancellationToken);
    }

    /// <summary>Gives the parts back; what was used of one stays used. No calls come any more.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        policies.Changed -= Wake;
        await base.StopAsync(cancellationToken);
        var limits = limiting.For(policies.Current).All.Where(l => l.Definition.Shared).ToDictionary(l => l.Definition.Name, StringComparer.Ordinal);
        await Task.WhenAll(parts.Keys.Select(name => Return(name, limits.GetValueOrDefault(name))));
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        wake.Dispose();
        base.Dispose();
    }

    /// <summary>Renews every part once.</summary>
    internal async Task Renew()
    {
        var shared = limiting.For(policies.Current).All.Where(l => l.Definition.Shared && IsCountedHere(l.Definition.Counts)).ToArray();
        var renewed = await Task.WhenAll(shared.Select(Renew));
        if (failing != renewed.Contains(false))
        {
            failing = !failing;
            if (failing)
                LogFailing(logger);
            else
                LogAgain(logger);
        }

        foreach (var gone in parts.Keys.Except(shared.Select(l => l.Definition.Name), StringComparer.Ordinal).ToArray())
        {
            parts.Remove(gone);
            await Return(gone, null);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            using var tick = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            await Task.WhenAny(wake.WaitAsync(tick.Token), Task.Delay(Renewal, time, tick.Token));
            await tick.CancelAsync();
            if (!stoppingToken.IsCancellationRequested)
                await Renew();
        }
    }

    private bool IsCountedHere(LimitSubject subject) => subject switch
    {
        LimitSubject.Calls or LimitSubject.Asks => options.Role.RunsGateway(),
        LimitSubject.Votes or LimitSubject.TokenCalls => options.Role.RunsSilo(),
        _ => true,
    };

    private async Task<bool> Renew(LiveLimit limit)
    {
        Part part;
        lock (parts)
        {
            if (!parts.TryGetValue(limit.Definition.Name, out part!))
                parts.Add(limit.Definition.Name, part = new Part());
        }

        // What a second asked for counts for three: one quiet moment takes no part away.
        var asked = limit.Asked;
        part.Demand = ((part.Demand * 2) + (Math.Max(0, asked - part.Asked) * 100)) / 3;
        part.Asked = asked;
        var sent = limiting.Now;
        // It has ended by itself at the first call; this is what is said of it.
        if (sent >= part.Until)
            limit.Hold(part.Thereafter, sent);
        // One that is still on its way could come after the next, and know less of what is held here.
        if (part.Asking is { IsCompleted: false })
            return false;
        var asking = Ask(limit.Definition.Name, new LeaseQuota(process, limit.Parts, limit.InUse(sent), part.Demand, Lease, limit.Held, limit.Returns));
        part.Asking = asking;
        if ((await Try(() => asking))?.Value is not { } leased)
            return false;
        part.Until = sent + LimitClock.Fine(Lease);
        part.Thereafter = Math.Min(leased.Parts, Math.Max(1, limit.Parts / leased.Gateways));
        limit.Hold(leased.Parts, limiting.Now, part.Until, part.Thereafter);
        return true;
    }

    private async Task<Reply<QuotaLease>> Ask(string limit, LeaseQuota lease) => await grains.GetGrain<IQuotaGrain>(limit).Lease(lease);

    private Task<Reply<Done>?> Return(string name, LiveLimit? limit) =>
        Try(() => grains.GetGrain<IQuotaGrain>(name).Return(limit is null ? new ReturnQuota(process) : new ReturnQuota(process, limit.InUse(limiting.Now), limit.Returns)));

    private async Task<Reply<T>?> Try<T>(Func<Task<Reply<T>>> ask)
        where T : class
    {
        try
        {
            return await ask().WaitAsync(Patience, time);
        }
        catch (Exception e)
        {
            LogNotAnswered(logger, e);
            return null;
        }
    }

    private void Wake(object? sender, PolicyChangedEventArgs e)
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

    [LoggerMessage(2620, LogLevel.Warning, "Parts of shared rate limits cannot be leased: this process goes on with what it has, and after that with a fair share")]
    private static partial void LogFailing(ILogger logger);

    [LoggerMessage(2621, LogLevel.Information, "Parts of shared rate limits are leased again")]
    private static partial void LogAgain(ILogger logger);

    [LoggerMessage(2622, LogLevel.Debug, "A shared rate limit's grain did not answer")]
    private static partial void LogNotAnswered(ILogger logger, Exception exception);

    private sealed class Part
    {
        public long Asked { get; set; }

        public long Demand { get; set; }

        /// <summary>When the lease is over, in fine ticks.</summary>
        public long Until { get; set; } = long.MaxValue;

        /// <summary>How much is given away from then on: an even share.</summary>
        public int Thereafter { get; set; }

        /// <summary>The last renewal.</summary>
        public Task? Asking { get; set; }
    }
}
