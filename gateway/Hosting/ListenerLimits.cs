using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace JitGrains.Gateway.Hosting;

/// <summary>What one client can take of a listener: time, room and connections. docs/operations.md lists the settings.</summary>
public sealed record ListenerLimits
{
    /// <summary>Connections of callers at once, over all listeners of callers; further ones are closed. Default 50,000.</summary>
    public int MaxConnections { get; init; } = 50_000;

    /// <summary>The same for the control plane, which callers can take nothing of. Default 2,000.</summary>
    public int ControlMaxConnections { get; init; } = 2_000;

    /// <summary>Connections of one address at once to callers' listeners, listed proxies excepted. Default 50,000: a load balancer that is not listed is one address.</summary>
    public int MaxConnectionsPerAddress { get; init; } = 50_000;

    /// <summary>How long a request's headers may take, from its first byte. Default 15 s.</summary>
    public TimeSpan HeadersWithin { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a connection may be without a request. Default 130 s, more than the minute for which load balancers keep theirs.</summary>
    public TimeSpan IdleWithin { get; init; } = TimeSpan.FromSeconds(130);

    /// <summary>The least rate at which a body must come, and an answer be taken, in bytes a second; after <see cref="SlowGrace"/>. Default 240.</summary>
    public int MinBytesPerSecond { get; init; } = 240;

    /// <summary>For how long a body or an answer may be slower. Default 5 s.</summary>
    public TimeSpan SlowGrace { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Most bytes of all headers of a request. Default 65,536.</summary>
    public int MaxHeaderBytes { get; init; } = 64 * 1024;

    /// <summary>Most headers of a request. Default 200.</summary>
    public int MaxHeaders { get; init; } = 200;

    /// <summary>Most bytes of a request line. Default 8,192.</summary>
    public int MaxRequestLineBytes { get; init; } = 8 * 1024;

    /// <summary>Requests at once on one HTTP/2 connection. Default 100.</summary>
    public int Http2MaxStreams { get; init; } = 100;

    internal static ListenerLimits Read(SettingReader read)
    {
        var defaults = new ListenerLimits();
        return new ListenerLimits
        {
            MaxConnections = read.Count("MaxConnections", defaults.MaxConnections),
            ControlMaxConnections = read.Count("ControlMaxConnections", defaults.ControlMaxConnections),
            MaxConnectionsPerAddress = read.Count("MaxConnectionsPerAddress", defaults.MaxConnectionsPerAddress),
            HeadersWithin = read.Duration("HeadersWithin", defaults.HeadersWithin, TimeSpan.FromMinutes(5)),
            IdleWithin = read.Duration("IdleWithin", defaults.IdleWithin, TimeSpan.FromHours(1)),
            MinBytesPerSecond = read.Count("MinBytesPerSecond", defaults.MinBytesPerSecond),
            SlowGrace = read.Duration("SlowGrace", defaults.SlowGrace, TimeSpan.FromMinutes(5)),
            MaxHeaderBytes = read.Count("MaxHeaderBytes", defaults.MaxHeaderBytes),
            MaxHeaders = read.Count("MaxHeaders", defaults.MaxHeaders),
            MaxRequestLineBytes = read.Count("MaxRequestLineBytes", defaults.MaxRequestLineBytes),
            Http2MaxStreams = read.Count("Http2MaxStreams", defaults.Http2MaxStreams),
        };
    }

    /// <summary>What is wrong with the limits together.</summary>
    internal IEnumerable<string> Problems()
    {
        // Kestrel's own terms, said before it says them with a stack trace.
        if (SlowGrace <= TimeSpan.FromSeconds(1))
            yield return "SlowGrace: it is more than a second; rates are looked at once a second.";
        if (MaxRequestLineBytes > BufferBytes || MaxHeaderBytes > BufferBytes)
            yield return $"MaxRequestLineBytes, MaxHeaderBytes: at most {BufferBytes} bytes.";
    }

    private const int BufferBytes = 1024 * 1024;

    /// <summary>Sets the server's limits, those that it would have anyway too.</summary>
    internal void Apply(KestrelServerLimits kestrel)
    {
        // Streams have no limit; whoever reads a body whole has one.
        kestrel.MaxRequestBodySize = null;
        kestrel.MaxRequestBufferSize = BufferBytes;
        kestrel.MaxResponseBufferSize = 64 * 1024;
        kestrel.MaxRequestLineSize = MaxRequestLineBytes;
        kestrel.MaxRequestHeadersTotalSize = MaxHeaderBytes;
        kestrel.MaxRequestHeaderCount = MaxHeaders;
        kestrel.RequestHeadersTimeout = HeadersWithin;
        kestrel.KeepAliveTimeout = IdleWithin;
        kestrel.MinRequestBodyDataRate = new MinDataRate(MinBytesPerSecond, SlowGrace);
        kestrel.MinResponseDataRate = new MinDataRate(MinBytesPerSecond, SlowGrace);
        kestrel.Http2.MaxStreamsPerConnection = Http2MaxStreams;
        kestrel.Http2.MaxFrameSize = 16 * 1024;
        kestrel.Http2.HeaderTableSize = 4 * 1024;
        kestrel.Http2.MaxRequestHeaderFieldSize = MaxHeaderBytes;
        kestrel.Http2.InitialConnectionWindowSize = 1024 * 1024;
        kestrel.Http2.InitialStreamWindowSize = 768 * 1024;
    }
}
