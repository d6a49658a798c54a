using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace JitGrains.Silo.Revocation;

/// <summary>
/// The lines that this process has opened: a WebSocket (RFC 6455) to each silo that it had to answer. One that breaks, or cannot be
/// opened, is left alone for a while; meanwhile answers go by the bus. What was on its way is lost, and found in the mail.
/// </summary>
internal sealed partial class AnswerLines(SiloOptions options, MailSeal seal, LeaseTime time, ILogger<AnswerLines> logger) : IAnswerLines, IHostedService, IDisposable
{
    /// <summary>Where silos take answers, below their own address.</summary>
    public const string Path = "/internal/answers";

    /// <summary>The header by which whoever opens a line shows that it has the cluster's keys.</summary>
    public const string Header = "Jit-Answers";

    /// <summary>What the header's mark is for.</summary>
    public const string Topic = "line";

    /// <summary>How often a line is asked whether it is alive, and how long it may take to say so.</summary>
    public static readonly TimeSpan AskAfter = TimeSpan.FromSeconds(5);

    private const int Capacity = 1024;

    private static readonly TimeSpan ConnectWithin = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource stop = new();
    private readonly ConcurrentDictionary<string, Line> lines = new(StringComparer.Ordinal);

    // Told once for each outage.
    private readonly ConcurrentDictionary<string, bool> broken = new(StringComparer.Ordinal);

    public string? Own { get; } = options.AnswerUrl?.AbsoluteUri;

    public bool TrySend(string address, string text)
    {
        if (!lines.TryGetValue(address, out var line))
        {
            line = new Line(address);
            // From a silo that has the cluster's keys, and of those there are few.
            if (lines.TryAdd(address, line))
                _ = Keep(line);
            return false;
        }

        return line.IsOpen && line.Waiting.Writer.TryWrite(text);
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => stop.CancelAsync();

    public void Dispose() => stop.Dispose();

    private async Task Keep(Line line)
    {
        try
        {
            await Run(line);
        }
        catch (Exception e) when (!stop.IsCancellationRequested)
        {
            if (broken.TryAdd(line.Address, true))
                LogBroken(logger, e, line.Address, TryAgainAfter.TotalSeconds);
        }
        catch (OperationCanceledException)
        {
            return;
        }

        line.IsOpen = false;
        await Task.Delay(TryAgainAfter, time.Provider, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lines.TryRemove(KeyValuePair.Create(line.Address, line));
    }

    private async Task Run(Line line)
    {
        using var socket = new ClientWebSocket();
        // A silo is a neighbour, not something to be reached through what calls to the outside go through.
        socket.Options.Proxy = null;
        socket.Options.KeepAliveInterval = socket.Options.KeepAliveTimeout = AskAfter;
        socket.Options.SetRequestHeader(Header, seal.Seal(Topic, line.Address, Convert.ToHexString(RandomNumberGenerator.GetBytes(8))));
        using (var within = new CancellationTokenSource(ConnectWithin, time.Provider))
        using (var limit = CancellationTokenSource.CreateLinkedTokenSource(stop.Token, within.Token))
            await socket.ConnectAsync(AddressOf(line.Address), limit.Token);
        line.IsOpen = true;
        broken.TryRemove(line.Address, out _);
        LogOpened(logger, line.Address);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
        var ended = await Task.WhenAny(Send(socket, line, over.Token), UntilClosed(socket, over.Token));
        line.IsOpen = false;
        await over.CancelAsync();
        await ended;
    }

    private static async Task Send(ClientWebSocket socket, Line line, CancellationToken stop)
    {
        await foreach (var text in line.Waiting.Reader.ReadAllAsync(stop))
            await socket.SendAsync(Encoding.UTF8.GetBytes(text).AsMemory(), WebSocketMessageType.Text, WebSocketMessageFlags.EndOfMessage, stop);
    }

    /// <summary>Silos say nothing by it, but that they are there.</summary>
    private static async Task UntilClosed(ClientWebSocket socket, CancellationToken stop)
    {
        var nothing = new byte[16];
        while ((await socket.ReceiveAsync(nothing.AsMemory(), stop)).MessageType != WebSocketMessageType.Close)
        {
        }
    }

    private static Uri AddressOf(string address)
    {
        var url = new UriBuilder(address);
        url.Scheme = url.Scheme == Uri.UriSchemeHttps ? Uri.UriSchemeWss : Uri.UriSchemeWs;
        url.Path = url.Path.TrimEnd('/') + Path;
        return url.Uri;
    }

    [LoggerMessage(2630, LogLevel.Information, "Revocations are acknowledged to {Address} directly")]
    private static partial void LogOpened(ILogger logger, string address);

    [LoggerMessage(2631, LogLevel.Warning, "There is no line to {Address}; revocations are acknowledged through the database, which is tried again every {Seconds} s")]
    private static partial void LogBroken(ILogger logger, Exception exception, string address, double seconds);

    private sealed class Line(string address)
    {
        private volatile bool isOpen;

        public string Address => address;

        public bool IsOpen
        {
            get => isOpen;
            set => isOpen = value;
        }

        public Channel<string> Waiting { get; } = Channel.CreateBounded<string>(new BoundedChannelOptions(Capacity)
        {
            SingleReader = true,
            // Who answers sends it itself, up to where the network would be waited for.
            AllowSynchronousContinuations = true,
        });
    }
}
