using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// The bus on Orleans: <see cref="BusGrain"/> passes on what a process publishes. It joins again every few seconds, and
/// compares what was sent to it with what arrived; a gap, or a bus that began anew, raises <see cref="Resumed"/>.
/// </summary>
internal sealed partial class OrleansBus(IGrainFactory grains, TimeProvider time, ILogger<OrleansBus> logger) : BackgroundService, IClusterBus, IBusListener
{
    private static readonly TimeSpan JoinEvery = TimeSpan.FromSeconds(5);
    private const int MostLetters = 256;

    private readonly string process = Guid.NewGuid().ToString("N");
    private readonly ConcurrentDictionary<string, BusSubscribers> topics = new(StringComparer.Ordinal);
    private readonly Channel<BusLetter> outgoing = Channel.CreateBounded<BusLetter>(new BoundedChannelOptions(65_536) { FullMode = BoundedChannelFullMode.DropOldest });
    private readonly Lock gate = new();
    private BusTerm received = new(Guid.Empty, 0);
    private BusTerm? announced;
    private readonly TaskCompletionSource joined = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool wasDown;

    /// <summary>Completes once the process takes part.</summary>
    internal Task Joined => joined.Task;

    public event EventHandler? Resumed;

    public string Address => process;

    /// <summary>Sends to everybody: the bus is one grain, whomever a message is for.</summary>
    public void Publish(BusMessage message)
    {
        Tell(message);
        outgoing.Writer.TryWrite(new BusLetter(message.Topic, message.Key, message.Data));
    }

    public IDisposable Subscribe(string topic, Action<BusMessage> handler) =>
        topics.GetOrAdd(topic, static _ => new BusSubscribers()).Add(handler);

    public Task Receive(Guid term, long number, ImmutableArray<BusLetter> letters)
    {
        bool missed;
        lock (gate)
        {
            missed = received.Term == term && number > received.Sent + 1;
            if (received.Term != term || number > received.Sent)
                received = new BusTerm(term, number);
        }

        foreach (var letter in letters)
            Tell(new BusMessage(letter.Topic, letter.Key, letter.Data));
        if (missed)
            Resumed?.Invoke(this, EventArgs.Empty);
        return Task.CompletedTask;
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(StayAsync(stoppingToken), SendAsync(stoppingToken));

    private async Task StayAsync(CancellationToken stopping)
    {
        // Kept for as long as this runs: Orleans itself holds it weakly.
        var self = grains.CreateObjectReference<IBusListener>(this);
        using var timer = new PeriodicTimer(JoinEvery, time);
        try
        {
            do
            {
                try
                {
                    Compare(await grains.GetGrain<IBusGrain>(IBusGrain.Key).Join(process, self).WaitAsync(stopping));
                }
                catch (Exception e) when (!stopping.IsCancellationRequested)
                {
                    if (!wasDown)
                        LogUnreachable(logger, e);
                    wasDown = true;
                }
            }
            while (await timer.WaitForNextTickAsync(stopping));
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The bus forgets this process by itself.
        }
        finally
        {
            grains.DeleteObjectReference<IBusListener>(self);
        }
    }

    /// <summary>What the bus said at the last joining has had the time since to arrive.</summary>
    private void Compare(BusTerm now)
    {
        bool missed;
        lock (gate)
        {
            var begunAnew = announced is not null && (announced.Term != now.Term || now.Sent < announced.Sent);
            var lost = announced is { Sent: > 0 } && (received.Term != announced.Term || received.Sent < announced.Sent);
            missed = wasDown || begunAnew || lost;
            if (received.Term != now.Term || (begunAnew && announced!.Term == now.Term))
                received = now;
            else if (lost)
                received = announced!;
            announced = now;
        }

        wasDown = false;
        joined.TrySetResult();
        if (missed)
            Resumed?.Invoke(this, EventArgs.Empty);
    }

    private async Task SendAsync(CancellationToken stopping)
    {
        try
        {
            while (await outgoing.Reader.WaitToReadAsync(stopping))
            {
                var letters = ImmutableArray.CreateBuilder<BusLetter>();
                while (letters.Count < MostLetters && outgoing.Reader.TryRead(out var letter))
                    letters.Add(letter);
                try
                {
                    await grains.GetGrain<IBusGrain>(IBusGrain.Key).Send(process, letters.ToImmutable()).WaitAsync(stopping);
                }
                catch (Exception e) when (!stopping.IsCancellationRequested)
                {
                    // Whoever did not get it looks by itself, as after any message that is lost.
                    LogUnreachable(logger, e);
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // A last message may be lost, like any other.
        }
    }

    private void Tell(BusMessage message)
    {
        if (topics.TryGetValue(message.Topic, out var subscribers))
            subscribers.Tell(message);
    }
}
