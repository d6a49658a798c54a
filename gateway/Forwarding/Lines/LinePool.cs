using System.Net.Sockets;
using System.Text;
using JitGrains.Gateway.Injection;
using JitGrains.Silo.Upstreams;

namespace JitGrains.Gateway.Forwarding.Lines;

/// <summary>The connections to one upstream. The one that was used last is used next. Thread-safe.</summary>
internal sealed class LinePool
{
    private const int IdleLooks = 60 * PlainUpstreams.LooksPerSecond;
    private const int OldestLooks = 300 * PlainUpstreams.LooksPerSecond;

    private readonly UpstreamRules rules;
    private readonly string host;
    private readonly int port;
    private readonly Lock gate = new();
    private readonly Stack<UpstreamLine> idle = new();
    private readonly HashSet<UpstreamLine> all = [];

    public LinePool(Uri upstream, UpstreamRules rules)
    {
        this.rules = rules;
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
    public UpstreamLine? TryTake()
    {
        while (true)
        {
            UpstreamLine? line;
            lock (gate)
            {
                if (!idle.TryPop(out line))
                    return null;
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
        var line = new UpstreamLine(await UpstreamConnections.Open(rules, host, port, cancellation));
        line.Listen();
        lock (gate)
            all.Add(line);
        return line;
    }

    /// <summary>It is whole, and idle from now on.</summary>
    public void Return(UpstreamLine line)
    {
        try
        {
            line.Rest();
        }
        catch (ObjectDisposedException)
        {
            // Cut at the last moment.
            Drop(line);
            return;
        }

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
