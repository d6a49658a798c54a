using System.Net;
using JitGrains.Gateway.Tls;
using JitGrains.Identity;
using JitGrains.Network;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace JitGrains.Gateway.Hosting;

/// <summary>One listener: who is answered there, where, and how it is spoken to. docs/operations.md lists the settings.</summary>
public sealed record ListenerOptions
{
    private static readonly string[] Keys = ["Name", "For", "Address", "Port", "Protocols", "Tls", "ProxyProtocol", "From"];

    /// <summary>Its name, in logs and metrics.</summary>
    public required string Name { get; init; }

    /// <summary>Whether callers are answered there, or approvers and operators.</summary>
    public required ListenerRole Role { get; init; }

    /// <summary>The setting of its port, for whoever has to choose another.</summary>
    public required string PortSetting { get; init; }

    /// <summary>Where it listens. Default 127.0.0.1.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>Its port; 0 takes a free one.</summary>
    public required int Port { get; init; }

    /// <summary>What it speaks. Default both versions with TLS, and HTTP/1.1 without, for then one port cannot tell the two apart.</summary>
    public required HttpProtocols Protocols { get; init; }

    /// <summary>How it speaks TLS.</summary>
    public ListenerTls Tls { get; init; } = ListenerTls.Clear;

    /// <summary>Whether connections begin with the PROXY protocol, version 2. Default false.</summary>
    public bool ProxyProtocol { get; init; }

    /// <summary>Networks from which requests are taken at all. Default, where it is empty, from anywhere.</summary>
    public AddressSet From { get; init; } = AddressSet.Empty;

    /// <summary>What a listener speaks where nothing is said.</summary>
    internal static HttpProtocols Usual(ListenerTls tls) => tls.Own is null ? HttpProtocols.Http1 : HttpProtocols.Http1AndHttp2;

    /// <summary>The listeners of a list, with all that is wrong with each, under its place in the list.</summary>
    internal static IReadOnlyList<ListenerOptions> ReadAll(IConfigurationSection list, ICollection<string> problems)
    {
        var all = list.GetChildren().Select(one => Read(one, problems)).ToList();
        foreach (var twice in all.GroupBy(l => l.Name, StringComparer.OrdinalIgnoreCase).Where(g => g.Count() > 1))
            problems.Add($"Listeners: the name '{twice.Key}' is there twice.");
        return all;
    }

    private static ListenerOptions Read(IConfigurationSection one, ICollection<string> problems)
    {
        var own = new List<string>();
        var read = new SettingReader(one, own);
        var tls = ListenerTls.Read(one, "Tls", own);
        var name = read.Text("Name") ?? "";
        if (!SafeText.IsToken(name) || name is GatewayOptions.GatewayListener or GatewayOptions.Http2Listener or GatewayOptions.ControlListener)
            own.Add("Name is 1 to 64 of a-z A-Z 0-9 - _ . and none of gateway, gateway-http2 and control.");
        own.AddRange(one.GetChildren().Where(c => !Keys.Contains(c.Key, StringComparer.OrdinalIgnoreCase)).Select(c => $"{c.Key}: there is no such setting of a listener."));
        var listener = new ListenerOptions
        {
            Name = name,
            Role = read.Word("For", ("callers", ListenerRole.Gateway), ("control", ListenerRole.ControlPlane)),
            PortSetting = $"{one.Path[(one.Path.IndexOf(':', StringComparison.Ordinal) + 1)..]}:Port",
            Address = read.Address("Address", IPAddress.Loopback),
            Port = read.Port("Port") ?? -1,
            Protocols = read.Word("Protocols", ("usual", Usual(tls)), ("http1", HttpProtocols.Http1), ("http2", HttpProtocols.Http2), ("http1-and-http2", HttpProtocols.Http1AndHttp2)),
            Tls = tls,
            ProxyProtocol = read.Flag("ProxyProtocol", false),
            From = read.Networks("From"),
        };
        if (listener.Port < 0 && read.Text("Port") is null)
            own.Add("Port: name one, or 0 for a free one.");
        if (tls.Own is null && listener.Protocols == HttpProtocols.Http1AndHttp2)
            own.Add("Protocols: without TLS one port cannot tell HTTP/1.1 and HTTP/2 apart; say http1 or http2.");
        foreach (var problem in own)
            problems.Add($"{listener.PortSetting[..^"Port".Length]}{problem}");
        return listener;
    }

    /// <summary>What is wrong with it beside what the settings of its own say.</summary>
    internal IEnumerable<string> Problems(bool quickstart)
    {
        var at = PortSetting[..^":Port".Length];
        if (quickstart && !IPAddress.IsLoopback(Address))
            yield return $"{at}:Address: the quickstart listens on loopback only.";
        foreach (var problem in Tls.Problems($"{at}:Tls", $"{at}:Address", IPAddress.IsLoopback(Address) || quickstart))
            yield return problem;
    }

    /// <summary>Whether both want the same port of the same address.</summary>
    internal bool Collides(ListenerOptions other) =>
        Port > 0 && Port == other.Port && (Address.Equals(other.Address) || IsAny(Address) || IsAny(other.Address));

    private static bool IsAny(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);
}
