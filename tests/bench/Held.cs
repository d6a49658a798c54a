using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace JitGrains.Bench;

/// <summary>What holding many callers costs in memory, beside bare Kestrel holding the same requests.</summary>
internal static class Held
{
    /// <summary>As many as one principal may have pending.</summary>
    private const int PerCaller = 20;

    private const string Body = "{\"amount\":10,\"note\":\"the bench holds this call\"}";

    public static async Task<int> RunAsync(int callers)
    {
        Console.WriteLine($"{callers:N0} callers held at once, each its own approval request; resident memory before and while held.");
        var kestrel = await KestrelAsync(callers);
        var gateway = await GatewayAsync(callers);
        Console.WriteLine();
        Console.WriteLine("| what | per held caller |");
        Console.WriteLine("|---|---:|");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| bare Kestrel | {kestrel / 1024.0:0.0} KB |"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| gateway | {gateway / 1024.0:0.0} KB |"));
        Console.WriteLine();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ratio gateway/kestrel {(double)gateway / kestrel:0.00}"));
        return 0;
    }

    private static async Task<long> KestrelAsync(int callers)
    {
        await using var holder = await ServerProcess.StartSelfAsync("holder");
        return await MeasureAsync(holder, callers, _ => "of-the-same-length-as-a-token-would-be-" + new string('x', 500));
    }

    private static async Task<long> GatewayAsync(int callers)
    {
        await using var upstream = await ServerProcess.StartSelfAsync("upstream");
        await using var gateway = await Gateway.StartAsync(upstream.Url);
        var tokens = new ConcurrentDictionary<int, string>();
        await Parallel.ForAsync(0, (callers + PerCaller - 1) / PerCaller, async (i, _) => tokens[i] = await gateway.TokenAsync("alice", $"agent:held-{i}"));
        return await MeasureAsync(gateway.Process, callers, n => tokens[n / PerCaller]);
    }

    private static async Task<long> MeasureAsync(ServerProcess server, int callers, Func<int, string> token)
    {
        var sockets = new ConcurrentBag<Socket>();
        // A tenth first: what the server needs once, it has then.
        var warm = callers / 10;
        await HoldAsync(server, 0, warm, token, sockets);
        var before = await SettledAsync(server);
        await HoldAsync(server, warm, callers, token, sockets);
        var after = await SettledAsync(server);
        foreach (var socket in sockets)
        {
            if (socket.Available > 0)
            {
                var answer = new byte[Math.Min(socket.Available, 1_024)];
                _ = socket.Receive(answer);
                throw new InvalidOperationException($"a caller was answered while it should have been held: {Encoding.ASCII.GetString(answer)}");
            }

            socket.Dispose();
        }

        return (after - before) / (callers - warm);
    }

    /// <summary>Has so many callers held. Whoever is told to come back, because the store has more to do than it keeps up with, does so.</summary>
    private static async Task HoldAsync(ServerProcess server, int from, int to, Func<int, string> token, ConcurrentBag<Socket> sockets)
    {
        using var seconds = new PeriodicTimer(TimeSpan.FromSeconds(1));
        for (HashSet<int> left = [.. Enumerable.Range(from, to - from)]; left.Count > 0;)
        {
            var sent = new ConcurrentDictionary<int, Socket>();
            await Parallel.ForEachAsync(left, new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (n, cancel) => sent[n] = await SendAsync(server, n, token(n), cancel));
            // An answer may be a moment late where the store is: nobody counts as held before two seconds without any.
            for (var (calm, answered) = (0, 0); calm < 2;)
            {
                await seconds.WaitForNextTickAsync();
                var now = sent.Values.Count(s => s.Available > 0);
                (calm, answered) = (now == answered ? calm + 1 : 0, now);
            }

            left = [.. sent.Where(s => s.Value.Available > 0).Select(s => s.Key)];
            foreach (var (n, socket) in sent)
            {
                if (left.Contains(n))
                    socket.Dispose();
                else
                    sockets.Add(socket);
            }
        }
    }

    private static async Task<Socket> SendAsync(ServerProcess server, int n, string token, CancellationToken cancel)
    {
        // Each thousand from an address of its own: one has too few ports left beside its neighbours.
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(new IPAddress([127, 0, 1, (byte)(1 + (n / 1000))]), 0));
        await socket.ConnectAsync(IPAddress.Loopback, server.Port, cancel);
        var request = $"POST /hold/{n} HTTP/1.1\r\nHost: 127.0.0.1:{server.Port}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nPrefer: wait=50\r\nContent-Length: {Body.Length}\r\n\r\n{Body}";
        await socket.SendAsync(Encoding.ASCII.GetBytes(request), cancel);
        return socket;
    }

    /// <summary>Resident memory once it has stopped growing.</summary>
    private static async Task<long> SettledAsync(ServerProcess server)
    {
        using var seconds = new PeriodicTimer(TimeSpan.FromSeconds(1));
        var last = server.ResidentBytes();
        var calm = 0;
        for (var i = 0; i < 30 && calm < 3; i++)
        {
            await seconds.WaitForNextTickAsync();
            var now = server.ResidentBytes();
            calm = Math.Abs(now - last) < 1_000_000 ? calm + 1 : 0;
            last = now;
        }

        return last;
    }
}
