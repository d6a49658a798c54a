using System.Net;
using JitGrains.Gateway.Tls;
using JitGrains.Network;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace JitGrains.Gateway.Hosting;

/// <summary>What a listener is for. Each connection carries its listener's role, and the pipeline branches by it alone.</summary>
public enum ListenerRole
{
    /// <summary>Callers' requests, and their <c>/.jit/</c> endpoints.</summary>
    Gateway,

    /// <summary>Approvers and operators.</summary>
    ControlPlane,

    /// <summary>The quickstart's sample upstream.</summary>
    SampleUpstream,
}

/// <summary>Set on each connection by its listener.</summary>
/// <param name="Role">What it is for.</param>
/// <param name="IsTerminated">Whether what stands in front speaks TLS, so that callers used https though this connection is clear.</param>
/// <param name="From">Networks from which requests are taken at all; null for any.</param>
internal sealed record ListenerRoleFeature(ListenerRole Role, bool IsTerminated = false, AddressSet? From = null);

/// <summary>What a connection goes through before HTTP is spoken on it.</summary>
internal delegate Task Entrance(ConnectionContext connection, ConnectionDelegate next);

/// <summary>The listeners of one host, and where they ended up listening (port 0 picks a free one). Thread-safe once started.</summary>
public sealed class Listeners
{
    private readonly List<(ListenerRole Role, string Name, string Option, ListenOptions Listen, bool Tls)> all = [];

    /// <summary>The address of the first listener with this role, known once the host has started; null where there is none.</summary>
    public Uri? Address(ListenerRole role) => all.Where(l => l.Role == role).Select(l => ToUri(l.Listen, l.Tls)).FirstOrDefault();

    /// <summary>The address of the listener with this name, once the host has started; null where there is none.</summary>
    public Uri? Address(string name) => all.Where(l => l.Name == name).Select(l => ToUri(l.Listen, l.Tls)).FirstOrDefault();

    /// <summary>The address of the gateway's HTTP/2 listener (prior knowledge, no TLS), if it has one.</summary>
    public Uri? Http2Address =>
        all.Where(l => l.Role == ListenerRole.Gateway && l.Listen.Protocols == HttpProtocols.Http2).Select(l => ToUri(l.Listen, l.Tls)).FirstOrDefault();

    /// <param name="kestrel">The server.</param>
    /// <param name="name">The listener's name.</param>
    /// <param name="feature">What the listener is for.</param>
    /// <param name="option">The option that names its port.</param>
    /// <param name="at">Where it listens.</param>
    /// <param name="protocols">What it speaks.</param>
    /// <param name="tls">How it speaks TLS, or null.</param>
    /// <param name="entrances">What a connection goes through before TLS.</param>
    internal void Add(KestrelServerOptions kestrel, string name, ListenerRoleFeature feature, string option, IPEndPoint at, HttpProtocols protocols, TlsListener? tls, params Entrance[] entrances)
    {
        // Of HTTP/2 a connection carries many calls, none of which may wait for another's.
        var end = feature.Role == ListenerRole.Gateway && protocols == HttpProtocols.Http1 ? new CallerEndPoint(at.Address, at.Port) : at;
        kestrel.Listen(end, listen =>
        {
            listen.Protocols = protocols;
            foreach (var entrance in entrances)
                listen.Use(next => connection => entrance(connection, next));
            if (tls is not null)
                listen.UseHttps(tls.Handshake());
            listen.Use(next => connection =>
            {
                connection.Features.Set(feature);
                return next(connection);
            });
            all.Add((feature.Role, name, option, listen, tls is not null));
        });
    }

    /// <summary>Which listener could not take its port, in one line; null where the failure is another one.</summary>
    internal string? DescribeTakenPort(Exception failure)
    {
        if (failure is not IOException || failure.InnerException is not AddressInUseException)
            return null;
        foreach (var (_, _, option, listen, _) in all)
        {
            if (listen.IPEndPoint is { Port: > 0 } end && failure.Message.Contains($":{end.Port}:", StringComparison.Ordinal))
                return $"Port {end.Port} on {end.Address} is taken. Choose another with {option}, or stop what listens there.";
        }

        return $"A port is taken: {failure.Message}";
    }

    private static Uri ToUri(ListenOptions listen, bool tls) => new($"{(tls ? "https" : "http")}://{listen.IPEndPoint}");
}
