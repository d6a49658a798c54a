using System.Net;
using System.Net.Sockets;
using System.Text;

namespace JitGrains.ClusterTests.Relaying;

/// <summary>The relay does to connections what the fault tests rely on.</summary>
public sealed class RelayTests : IAsyncDisposable
{
    private readonly TcpListener echo = new(IPAddress.Loopback, 0);
    private readonly TcpRelay relay;
    private readonly Task serving;

    public RelayTests()
    {
        echo.Start();
        serving = Echo();
        relay = new TcpRelay(((IPEndPoint)echo.LocalEndpoint).Port);
    }

    [Fact]
    public async Task Bytes_pass()
    {
        using var client = await Connect();
        Assert.Equal("hello", await Say(client, "hello"));
    }

    [Fact]
    public async Task Paused_it_holds_what_is_sent_and_lets_it_go_later()
    {
        using var client = await Connect();
        Assert.Equal("one", await Say(client, "one"));
        relay.Pause();
        await client.GetStream().WriteAsync("two"u8.ToArray());
        var answer = Read(client, 3);
        Assert.False(await CompletesWithin(answer, TimeSpan.FromMilliseconds(200)));
        relay.Resume();
        Assert.Equal("two", await answer);
    }

    [Fact]
    public async Task Cut_it_resets_what_there_is_and_what_comes_until_mended()
    {
        using var client = await Connect();
        Assert.Equal("one", await Say(client, "one"));
        relay.Cut();
        await Assert.ThrowsAnyAsync<Exception>(() => Say(client, "two"));
        // The reset may come with the connection or with the first byte.
        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            using var refused = await Connect();
            await Say(refused, "three");
        });
        relay.Mend();
        using var again = await Connect();
        Assert.Equal("four", await Say(again, "four"));
    }

    [Fact]
    public async Task Slowed_it_takes_its_time_each_way()
    {
        using var client = await Connect();
        Assert.Equal("one", await Say(client, "one"));
        relay.Latency = TimeSpan.FromMilliseconds(100);
        var from = TimeProvider.System.GetTimestamp();
        Assert.Equal("two", await Say(client, "two"));
        // No less than there and back; how much more is the machine's business.
        Assert.True(TimeProvider.System.GetElapsedTime(from) >= TimeSpan.FromMilliseconds(200));
    }

    public async ValueTask DisposeAsync()
    {
        await relay.DisposeAsync();
        echo.Stop();
        await serving;
        echo.Dispose();
    }

    private static async Task<bool> CompletesWithin(Task task, TimeSpan time)
    {
        using var limit = new PeriodicTimer(time);
        return await Task.WhenAny(task, limit.WaitForNextTickAsync().AsTask()) == task;
    }

    private static async Task<string> Say(TcpClient client, string text)
    {
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(text));
        return await Read(client, text.Length);
    }

    private static async Task<string> Read(TcpClient client, int count)
    {
        var bytes = new byte[count];
        await client.GetStream().ReadExactlyAsync(bytes);
        return Encoding.ASCII.GetString(bytes);
    }

    private async Task<TcpClient> Connect()
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, relay.Port);
        return client;
    }

    private async Task Echo()
    {
        var clients = new List<Task>();
        try
        {
            while (true)
                clients.Add(Echo(await echo.AcceptTcpClientAsync()));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            await Task.WhenAll(clients);
        }
    }

    private static async Task Echo(TcpClient client)
    {
        using (client)
        {
            try
            {
                await client.GetStream().CopyToAsync(client.GetStream());
            }
            catch (IOException)
            {
                // Reset, as a test wanted it.
            }
        }
    }
}
