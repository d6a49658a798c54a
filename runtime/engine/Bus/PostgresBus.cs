using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// The bus over PostgreSQL's notifications: one connection that listens, one that publishes what has gathered since it
/// last did. What is published while a notification is handled answers it, mostly, and goes by the connection that listens: that
/// wakes neither another thread here nor another process there. Within the process messages go from hand to hand. Where the database
/// does not keep up or does not answer, messages are dropped.
/// </summary>
internal sealed partial class PostgresBus : BackgroundService, IClusterBus
{
    /// <summary>The statement that sends, with what <see cref="Print"/> makes. There is nothing that the disk would have to be waited for.</summary>
    public const string Notify = "SELECT set_config('synchronous_commit', 'off', true), pg_notify(c, p) FROM unnest($1::text[], $2::text[]) AS n(c, p)";

    private const int Capacity = 8192;

    private static readonly TimeSpan SilenceLimit = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan MinPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(2);

    private readonly string self = Guid.NewGuid().ToString("N");
    private readonly ConcurrentDictionary<string, BusSubscribers> topics = new(StringComparer.Ordinal);
    private readonly Channel<BusMessage> outgoing = Channel.CreateBounded<BusMessage>(new BoundedChannelOptions(Capacity)
    {
        FullMode = BoundedChannelFullMode.DropWrite,
        SingleReader = true,
        // Who publishes while nothing is being sent sends it itself, up to where the network would be waited for: to wake another
        // thread for that costs as much as the sending.
        AllowSynchronousContinuations = true,
    });

    private readonly GrainEngineOptions options;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly TaskCompletionSource listening = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public PostgresBus(GrainEngineOptions options, TimeProvider time, ILogger<PostgresBus> logger) =>
        (this.options, this.time, this.logger) = (options, time, logger);

    public event EventHandler? Resumed;

    /// <summary>Completes once the process listens for the first time, and <see cref="Resumed"/> was raised for it.</summary>
    internal Task Listening => listening.Task;

    public string Address => self;

    public void Publish(BusMessage message)
    {
        if (message.To is null || message.To == self)
            Tell(message);
        if (message.To == self)
            return;
        if (handling is { } now && now.Bus == this)
            now.Answers.Add(message);
        else
            outgoing.Writer.TryWrite(message);
    }

    public IDisposable Subscribe(string topic, Action<BusMessage> handler) =>
        topics.GetOrAdd(topic, static _ => new BusSubscribers()).Add(handler);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken) =>
        await Task.WhenAll(
            KeepAsync(ListenAsync, options.DatabaseListen is null ? nameof(options.Database) : nameof(options.DatabaseListen), options.DatabaseListen ?? options.Database!, stoppingToken),
            KeepAsync(SendAsync, nameof(options.Database), options.Database!, stoppingToken));

    /// <summary>Runs one side of the bus, again and again after failures, with growing pauses. What fails is told once for as long as it is the same.</summary>
    private async Task KeepAsync(Func<Action, CancellationToken, Task> side, string setting, string database, CancellationToken stopping)
    {
        var pause = MinPause;
        var told = "";
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await side(
                    () =>
                    {
                        pause = MinPause;
                        told = "";
                    },
                    stopping);
            }
            catch (Exception e) when (!stopping.IsCancellationRequested)
            {
                var failure = PostgresRefusals.Of(e, setting, database);
                if (told != failure.Message)
                    LogDisconnected(logger, failure is StoreOpenException or StoreUnavailableException ? null : failure, told = failure.Message);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            try
            {
                await Task.Delay(pause, TimeProvider.System, stopping);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            pause = pause * 2 < MaxPause ? pause * 2 : MaxPause;
        }
    }

    private async Task SendAsync(Action succeeded, CancellationToken stopping)
    {
        await using var pool = PostgresConnections.Build(options.Database!, options, connections: 1);
        var gathered = new List<BusMessage>();
        while (await outgoing.Reader.WaitToReadAsync(stopping))
        {
            gathered.Clear();
            while (gathered.Count < Capacity && outgoing.Reader.TryRead(out var message))
                gathered.Add(message);
            await using var command = pool.CreateCommand(Notify);
            SetMessages(command, gathered);
            await command.ExecuteNonQueryAsync(stopping);
            succeeded();
        }
    }

    private void SetMessages(NpgsqlCommand command, IEnumerable<BusMessage> messages)
    {
        var (channels, payloads) = Print(messages);
        command.Parameters.Clear();
        command.Parameters.Add(new NpgsqlParameter { Value = channels });
        command.Parameters.Add(new NpgsqlParameter { Value = payloads });
    }

    /// <summary>Messages as notifications of their channels.</summary>
    public (string[] Channels, string[] Payloads) Print(IEnumerable<BusMessage> messages)
    {
        List<string> channels = [], payloads = [];
        foreach (var ofOne in messages.GroupBy(m => m.To, StringComparer.Ordinal))
        {
            payloads.AddRange(PostgresPayload.Print(self, ofOne, out var tooLong));
            if (tooLong > 0)
                LogTooLong(logger, tooLong);
            while (channels.Count < payloads.Count)
                channels.Add(PostgresPayload.ChannelOf(ofOne.Key));
        }

        return ([.. channels], [.. payloads]);
    }

    /// <summary>What was to be told along with a commit was not.</summary>
    public void NotTold(Exception exception) => LogNotTold(logger, exception);

    public void Tell(BusMessage message)
    {
        if (topics.TryGetValue(message.Topic, out var subscribers))
            subscribers.Tell(message);
    }
}
