using System.Collections.Immutable;
using JitGrains.Assertions;
using JitGrains.Gateway.Hosting;
using JitGrains.Silo.Policies;
using JitGrains.Silo.Secrets;

namespace JitGrains.Gateway.Assertions;

/// <summary>
/// Keeps the assertion keys of the cluster in memory, and has a new one made in time. Where no API of the policy wants
/// assertions it does nothing at all. Thread-safe.
/// </summary>
internal sealed partial class AssertionKeys(
    IPolicyProvider policies, IGrainFactory grains, GatewayKeys keys, GatewayOptions options, TimeProvider time, ILogger<AssertionKeys> logger) : BackgroundService
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>What others may have made is seen by whoever asks for the published keys at most this much later.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    private readonly AssertionKeySeal seal = new(keys.PayloadBinding);
    private readonly SemaphoreSlim looking = new(1, 1);
    private readonly SemaphoreSlim wake = new(0, 1);
    private ImmutableArray<SigningKey> known = [];
    private long lookedAt;
    private bool failing;

    private bool AreWanted => policies.Current.Apis.Any(a => a.Assertion is not null);

    /// <summary>The key to sign with at a time; waits a moment for the first one. Null where there is none: nothing can be signed.</summary>
    public ValueTask<SigningKey?> Current(DateTimeOffset now) => CurrentOf(now) is { } key ? ValueTask.FromResult<SigningKey?>(key) : Find(now);

    /// <summary>The keys that are published.</summary>
    public async ValueTask<ImmutableArray<AssertionKey>> Published()
    {
        if (AreWanted && time.GetElapsedTime(Volatile.Read(ref lookedAt)) >= Fresh)
            await TryRefresh(Fresh);
        var now = time.GetUtcNow();
        return [.. known.Select(k => k.Published).Where(k => now < k.PublishedUntil)];
    }

    /// <inheritdoc/>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        policies.Changed += Wake;
        if (AreWanted)
            await TryRefresh(TimeSpan.Zero);
        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public override Task StopAsync(CancellationToken cancellationToken)
    {
        policies.Changed -= Wake;
        return base.StopAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        looking.Dispose();
        wake.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            using var tick = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            await Task.WhenAny(wake.WaitAsync(tick.Token), Task.Delay(Look, time, tick.Token));
            await tick.CancelAsync();
            if (!stoppingToken.IsCancellationRequested && AreWanted)
                await TryRefresh(TimeSpan.Zero);
        }
    }

    private SigningKey? CurrentOf(DateTimeOffset now)
    {
        foreach (var key in known)
        {
            if (now >= key.Published.SignsFrom && now < key.Published.SignsUntil)
                return key;
        }

        // The grain's clock may be ahead of this one: the first key signs from the moment in which it was made.
        return known is [{ } first, ..] && now < first.Published.SignsFrom && first.Published.SignsFrom - now < AssertionKeysMachine.LongestLife ? first : null;
    }

    private async ValueTask<SigningKey?> Find(DateTimeOffset now)
    {
        await TryRefresh(Fresh);
        return CurrentOf(now);
    }

    /// <summary>Looks at the grain, unless somebody has within this time.</summary>
    private async Task TryRefresh(TimeSpan within)
    {
        try
        {
            await looking.WaitAsync(Patience);
            try
            {
                if (lookedAt == 0 || time.GetElapsedTime(lookedAt) >= within)
                    await Refresh().WaitAsync(Patience);
            }
            finally
            {
                looking.Release();
            }

            if (failing)
                LogAgain(logger);
            failing = false;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            if (!failing)
                LogFailing(logger, e);
            failing = true;
        }
    }

    private async Task Refresh()
    {
        var grain = grains.GetGrain<IAssertionKeysGrain>(IAssertionKeysGrain.Key);
        var set = (await grain.Get()).Keys;
        if (AssertionKeysMachine.IsDue(set, options.AssertionKeyRotation, time.GetUtcNow()))
            set = (await grain.Offer(SigningKey.Make(seal, options.AssertionKeyRotation))).Value!.Keys;
        var opened = ImmutableArray.CreateBuilder<SigningKey>(set.Length);
        foreach (var key in set)
        {
            if (known.FirstOrDefault(k => k.Published == key) is { } same)
                opened.Add(same);
            else if (SigningKey.Open(key, seal) is { } fresh)
                opened.Add(fresh);
            else
                LogNotOurs(logger, key.KeyId);
        }

        ImmutableInterlocked.InterlockedExchange(ref known, opened.ToImmutable());
        Volatile.Write(ref lookedAt, time.GetTimestamp());
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

    [LoggerMessage(3710, LogLevel.Error, "The keys for assertions cannot be read: this process goes on with those it has, as long as they last")]
    private static partial void LogFailing(ILogger logger, Exception exception);

    [LoggerMessage(3711, LogLevel.Information, "The keys for assertions can be read again")]
    private static partial void LogAgain(ILogger logger);

    [LoggerMessage(3712, LogLevel.Error, "The key {KeyId} for assertions was not made with this cluster's keys; it is not used")]
    private static partial void LogNotOurs(ILogger logger, string keyId);
}
