using System.Net.Sockets;
using System.Text;
using JitGrains.Gateway.EventLoop;
using JitGrains.Gateway.Injection;
using JitGrains.Silo.Upstreams;

namespace JitGrains.Gateway.Forwarding.Lines;

/// <summary>The connections to one upstream. The one that was used last is used next. Thread-safe.</summary>
internal sealed class LinePool
{
    private const int IdleLooks = 60 * PlainUpstreams.LooksPerSecond;
    private const int OldestLooks = 300 * PlainUpstreams.LooksPerSecond;

    /// <summary>Below the keep-alive of any server in use, so that what is sent once at most does not meet a connection that is just being closed.</summary>
    private const int FreshLooks = (2 * PlainUpstreams.LooksPerSecond) - 2;

    private readonly SocketLoop loop;
    private readonly UpstreamRules rules;
    private readonly string host;
    private readonly int port;
    private readonly Lock gate = new();
    private readonly Stack<UpstreamLine> idle = new();
    private readonly HashSet<UpstreamLine> all = [];

    public LinePool(SocketLoop loop, Uri upstream, UpstreamRules rules)
    {
        (this.loop, this.rules) = (loop, rules);
        (host, port) = (upstream.IdnHost, upstream.Port);
        var name = upstream.HostNameType == UriHostNameType.IPv6 ? $"[{upstream.IdnHost}]" : upstream.IdnHost;
        Authority = Encoding.ASCII.GetBytes(upstream.IsDefaultPort ? name : $"{name}:{port}");
    }

    /// <summary>What goes into <c>Host</c>.</summary>
    public byte[] Authority { get; }

    /// <summary>How many there are.</summary>
    public int Count
    {
        get
        {
            lock (gate)
                return all.Count;
        }
    }

    /// <summary>One that is there and idle; null where there is none.</summary>
    /// <param name="isFresh">Only one that was used within less than two seconds.</param>
    public UpstreamLine? TryTake(bool isFresh)
    {
        while (true)
        {
            UpstreamLine? line;
            lock (gate)
            {
                if (!idle.TryPeek(out line) || (isFresh && line.Quiet > FreshLooks))
                    return null;
                idle.Pop();
                if (line.IsUsable)
                    return line;
            }

            Drop(line);
        }
    }

    /// <summary>A new one.</summary>
    /// <exception cref="SocketException">It cannot be had.</exception>
    /// <exception cref="HttpRequestException">The upstream has no address that upstreams may have.</exception>
    public async ValueTask<UpstreamLine> Connect(CancellationToken cancellation)
    {
        var line = new UpstreamLine(await UpstreamConnections.Open(loop, rules, host, port, cancellation));
        lock (gate)
            all.Add(line);
        return line;
    }

    /// <summary>It is whole, and idle from now on.</summary>
    public void Return(UpstreamLine line)
    {
        line.Rest();
        if (line.Age > OldestLooks)
            Drop(line);
        else
            GiveBack(line);
    }

    /// <summary>It was not used after all.</summary>
    public void GiveBack(UpstreamLine line)
    {
        lock (gate)
            idle.Push(line);
    }

    /// <summary>It is of no use any more.</summary>
    public void Drop(UpstreamLine line)
    {
        lock (gate)
            all.Remove(line);
        line.Dispose();
    }

    /// <summary>Ends all of them.</summary>
    public void Close()
    {
        UpstreamLine[] lines;
        lock (gate)
            lines = [.. all];
        foreach (var line in lines)
            Drop(line);
    }

    /// <summary>Cuts those that are silent for too long, and drops those that are idle for long or have ended; how many are left.</summary>
    public int Look()
    {
        List<UpstreamLine>? ended = null;
        List<UpstreamLine>? silent = null;
        lock (gate)
        {
            foreach (var line in all)
            {
                if (line.Look())
                    (silent ??= []).Add(line);
            }

            foreach (var line in idle)
            {
                if (!line.IsUsable || line.Quiet > IdleLooks)
                    (ended ??= []).Add(line);
            }

            if (ended is not null)
            {
                var kept = idle.Where(l => !ended.Contains(l)).Reverse().ToArray();
                idle.Clear();
                foreach (var line in kept)
                    idle.Push(line);
            }
        }

        foreach (var line in silent ?? [])
            line.CutIfSilent();
        foreach (var line in ended ?? [])
            Drop(line);
        return Count;
    }
}
