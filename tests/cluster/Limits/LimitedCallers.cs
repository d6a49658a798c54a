using System.Collections.Concurrent;
using System.Globalization;
using JitGrains.ClusterTests.Load;
using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Limits;

/// <summary>Callers who stay at one gateway each and send without a pause, far more than the limits admit. What they send says where and when.</summary>
internal sealed class LimitedCallers(IReadOnlyList<Place> gateways, Person caller) : IAsyncDisposable
{
    private static readonly TimeSpan Stay = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan AfterNoAnswer = TimeSpan.FromMilliseconds(20);

    private readonly CancellationTokenSource stop = new();
    private readonly List<Task> running = [];
    private readonly ConcurrentDictionary<string, int> answers = new(StringComparer.Ordinal);

    /// <summary>Streams, from when they had begun until before they were given up.</summary>
    public ConcurrentBag<(string Gateway, DateTimeOffset From, DateTimeOffset To)> Stays { get; } = [];

    public string Answers => string.Join(", ", answers.OrderBy(a => a.Key, StringComparer.Ordinal).Select(a => $"{a.Key}: {a.Value}"));

    public static Admission Read(string call, DateTimeOffset arrivedAt)
    {
        var parts = call.Split('/');
        return new Admission(parts[0], new DateTimeOffset(long.Parse(parts[1], CultureInfo.InvariantCulture), TimeSpan.Zero), arrivedAt);
    }

    public void Start()
    {
        foreach (var gateway in gateways)
        {
            Go(gateway, "bucket", 2);
            Go(gateway, "window", 1);
            for (var i = 0; i < 10; i++)
                running.Add(Watch(gateway));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await Task.WhenAll(running);
        stop.Dispose();
    }

    private void Go(Place gateway, string action, int callers)
    {
        for (var i = 0; i < callers; i++)
            running.Add(Send(gateway, action));
    }

    private async Task Send(Place gateway, string action)
    {
        using var client = new Client();
        await Task.Yield();
        while (!stop.IsCancellationRequested)
        {
            var answer = await client.Send("GET", new Uri(gateway.Address, $"/orders/1/{action}"), caller.Token, null, TimeSpan.FromSeconds(20), stop.Token, Call(gateway));
            Count(action, answer.Status);
            if (answer.Status == 0)
                await Pause(AfterNoAnswer);
        }
    }

    private async Task Watch(Place gateway)
    {
        // What is disposed of is over: by default the rest is waited for a while.
        using var client = new HttpClient(new SocketsHttpHandler { ResponseDrainTimeout = TimeSpan.Zero });
        await Task.Yield();
        while (!stop.IsCancellationRequested)
        {
            try
            {
                using var request = Client.Request("GET", new Uri(gateway.Address, "/orders/1/watch"), caller.Token, null, Call(gateway));
                using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop.Token);
                Count("watch", (int)answer.StatusCode);
                if (answer.IsSuccessStatusCode)
                {
                    var from = Clock.Now;
                    await Pause(Stay);
                    Stays.Add((gateway.Name, from, Clock.Now));
                }
            }
            catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
            {
                Count("watch", 0);
            }

            await Pause(AfterNoAnswer);
        }
    }

    private static (string, string) Call(Place gateway) => ("X-Call", $"{gateway.Name}/{Clock.Now.Ticks}");

    private void Count(string action, int status) => answers.AddOrUpdate($"{action} {status}", 1, (_, n) => n + 1);

    private async Task Pause(TimeSpan time)
    {
        try
        {
            await Until.Passed(time, stop.Token);
        }
        catch (OperationCanceledException)
        {
            // Over.
        }
    }
}
