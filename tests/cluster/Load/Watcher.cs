using System.Net.WebSockets;
using JitGrains.ClusterTests.Histories;
using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Load;

/// <summary>Opens streams, or WebSockets, under a grant, and reads them until the gateway ends them: when the grant is over.</summary>
internal sealed class Watcher(World world, int seed, bool sockets) : Caller(world, seed)
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(15);

    protected override async Task Once(CancellationToken stop)
    {
        var verb = sockets ? "socket" : "watch";
        var subject = World.History.NewSubject("orders." + verb, Me.Principal, Gate.Window);
        var runsOut = Random.Next(5) == 0;
        if (await Ask(subject, seconds: runsOut ? 2 : 600) is not { } request || await Granted(request, stop) is not { } id)
            return;
        var grant = runsOut ? new LiveGrant(id, subject) : World.Use(id, subject);
        // A stop ends streams by closing them, and what a caller closes is over.
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(Longest);
        await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Watch(subject, verb, limit.Token)));
        World.Done(grant);
    }

    private async Task Watch(Subject subject, string verb, CancellationToken limit)
    {
        var gateway = AnyGateway();
        var id = World.History.NewCall();
        var sent = Clock.Now;
        var path = $"/orders/{subject.Order}/{verb}";
        var opened = false;
        try
        {
            if (sockets)
                opened = await ReadSocket(new Uri($"ws://{gateway.Address.Authority}{path}"), id, limit);
            else
                opened = await ReadStream(new Uri(gateway.Address, path), id, limit);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or WebSocketException or OperationCanceledException)
        {
            opened = true;
        }

        World.History.Count(opened ? $"streams ({verb})" : $"streams refused ({verb})");
        World.History.Add(new Streamed(gateway.Name, sent, id, subject, Clock.Now));
    }

    private async Task<bool> ReadStream(Uri address, string id, CancellationToken limit)
    {
        using var request = Client.Request("GET", address, Me.Token, null, ("X-Call", id), ("Prefer", "wait=0"));
        using var response = await Client.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit);
        if (!response.IsSuccessStatusCode)
            return false;
        await using var stream = await response.Content.ReadAsStreamAsync(limit);
        var bytes = new byte[256];
        while (await stream.ReadAsync(bytes, limit) > 0)
        {
        }

        return true;
    }

    private async Task<bool> ReadSocket(Uri address, string id, CancellationToken limit)
    {
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", "Bearer " + Me.Token);
        socket.Options.SetRequestHeader("X-Call", id);
        socket.Options.SetRequestHeader("Prefer", "wait=0");
        try
        {
            await socket.ConnectAsync(address, limit);
        }
        catch (WebSocketException)
        {
            return false;
        }

        var bytes = new byte[256];
        while ((await socket.ReceiveAsync(bytes, limit)).MessageType != WebSocketMessageType.Close)
        {
        }

        return true;
    }
}
