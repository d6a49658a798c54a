using System.Net;
using System.Net.Sockets;
using JitGrains.Gateway.EventLoop;
using JitGrains.Gateway.Forwarding.Lines;
using JitGrains.Silo.Upstreams;

namespace JitGrains.GatewayTests.Forwarding;

/// <summary>Which connections to an upstream a call may have.</summary>
public sealed class LinePoolTests
{
    [Fact]
    public async Task What_is_sent_once_goes_over_a_connection_that_was_used_just_now_or_over_a_new_one()
    {
        using var loop = new SocketLoop(TimeProvider.System);
        using var upstream = new TcpListener(IPAddress.Loopback, 0);
        upstream.Start();
        var pool = new LinePool(loop, new Uri($"http://{upstream.LocalEndpoint}"), UpstreamRules.None);
        var line = await pool.Connect(CancellationToken.None);
        pool.Return(line);
        Assert.Same(line, pool.TryTake(isFresh: true));
        pool.Return(line);

        // Looks are a quarter of a second apart; after two seconds upstreams begin to close what is idle.
        for (var i = 0; i < 6; i++)
            pool.Look();
        Assert.Same(line, pool.TryTake(isFresh: true));
        pool.GiveBack(line);
        pool.Look();
        Assert.Null(pool.TryTake(isFresh: true));
        Assert.Same(line, pool.TryTake(isFresh: false));
        pool.Return(line);
        Assert.Same(line, pool.TryTake(isFresh: true));
        pool.Close();
    }

    [Fact]
    public async Task One_that_its_upstream_ended_or_spoke_on_unasked_carries_nothing_more()
    {
        using var loop = new SocketLoop(TimeProvider.System);
        using var upstream = new TcpListener(IPAddress.Loopback, 0);
        upstream.Start();
        var pool = new LinePool(loop, new Uri($"http://{upstream.LocalEndpoint}"), UpstreamRules.None);
        foreach (var spoils in (Action<TcpClient>[])[peer => peer.Dispose(), peer => peer.Client.Close(0), peer => peer.GetStream().Write("HTTP/1.1 200 OK\r\n"u8)])
        {
            var accepting = upstream.AcceptTcpClientAsync();
            var line = await pool.Connect(CancellationToken.None);
            using var peer = await accepting;
            pool.Return(line);
            Assert.True(line.IsUsable);
            spoils(peer);
            await Support.Eventually.Holds(() => !line.IsUsable);
            Assert.Null(pool.TryTake(isFresh: false));
            Assert.Equal(0, pool.Count);
        }
    }
}
