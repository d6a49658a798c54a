using JitGrains.Gateway.Hosting;
using JitGrains.Network;

namespace JitGrains.Gateway.Network;

/// <summary>Which forwarding header listed proxies write.</summary>
internal enum ForwardingHeader
{
    /// <summary>Either; where both are there and say different things, the client's address is not known.</summary>
    Any,

    /// <summary><c>X-Forwarded-For</c>; the other is not looked at.</summary>
    XForwardedFor,

    /// <summary><c>Forwarded</c> (RFC 7239); the other is not looked at.</summary>
    Forwarded,

    /// <summary>None: proxies pass connections on.</summary>
    None,
}

/// <summary>Who stands in front of the listeners, and from where connections are taken at all. docs/operations.md lists the settings.</summary>
internal sealed record NetworkOptions
{
    /// <summary>Most bytes of one file of the address table.</summary>
    public const long MaxTableBytes = 512 * 1024 * 1024;

    /// <summary>Proxies that are believed when they say who called. Default none.</summary>
    public AddressSet Proxies { get; init; } = AddressSet.Empty;

    /// <summary>What they write. Default either header.</summary>
    public ForwardingHeader ProxyHeader { get; init; }

    /// <summary>Whether connections to callers' listeners begin with the PROXY protocol, version 2. Default false.</summary>
    public bool ProxyProtocol { get; init; }

    /// <summary>The same for the control plane. Default false.</summary>
    public bool ControlProxyProtocol { get; init; }

    /// <summary>How long a connection may take to say it. Default 5 s.</summary>
    public TimeSpan ProxyProtocolWithin { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Files of the address table (MMDB or CSV), taken together. Default none: no country and no network is known.</summary>
    public IReadOnlyList<string> AddressTables { get; init; } = [];

    /// <summary>How often it is looked whether they changed. Default 1 min.</summary>
    public TimeSpan AddressTablesPoll { get; init; } = TimeSpan.FromMinutes(1);

    public static NetworkOptions Read(SettingReader read, ICollection<string> problems)
    {
        var defaults = new NetworkOptions();
        var options = new NetworkOptions
        {
            Proxies = read.Networks("Proxies"),
            ProxyHeader = read.Word("ProxyHeader", ("any", ForwardingHeader.Any), ("x-forwarded-for", ForwardingHeader.XForwardedFor), ("forwarded", ForwardingHeader.Forwarded), ("none", ForwardingHeader.None)),
            ProxyProtocol = read.Flag("ProxyProtocol", false),
            ControlProxyProtocol = read.Flag("ControlProxyProtocol", false),
            ProxyProtocolWithin = read.Duration("ProxyProtocolWithin", defaults.ProxyProtocolWithin, TimeSpan.FromMinutes(1)),
            AddressTables = read.List("AddressTables") is { Count: > 0 } files ? files : defaults.AddressTables,
            AddressTablesPoll = read.Duration("AddressTablesPoll", defaults.AddressTablesPoll, TimeSpan.FromDays(1)),
        };
        if (options.Proxies.IsEmpty && (options.ProxyProtocol || options.ControlProxyProtocol))
            problems.Add("ProxyProtocol, ControlProxyProtocol: list the Proxies that speak it; nobody else is let in by such a listener.");
        return options;
    }
}
