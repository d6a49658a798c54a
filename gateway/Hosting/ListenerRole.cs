using System.Net;
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
internal sealed record ListenerRoleFeature(ListenerRole Role);

/// <summary>What a connection goes through before HTTP is spoken on it.</summary>
internal delegate Task Entrance(ConnectionContext connection, ConnectionDelegate next);

/// <summary>The listeners of one host, and where they ended up listening (port 0 picks a free one). Thread-safe once started.</summary>
public sealed class Listeners
{
    private readonly List<(ListenerRole Role, string Option, ListenOptions Listen)> all = [];

    /// <summary>The address of the first listener with this role, known once the host has started; null where there is none.</summary>
    public Uri? Address(ListenerRole role) => all.Where(l => l.Role == role).Select(l => ToUri(l.Listen)).FirstOrDefault();

    /// <summary>The address of the gateway's HTTP/2 listener (prior knowledge, no TLS), if it has one.</summary>
    public Uri? Http2Address =>
        all.Where(l => l.Role == ListenerRole.Gateway && l.Listen.Protocols == HttpProtocols.Http2).Select(l => ToUri(l.Listen)).FirstOrDefault();

    internal void Add(KestrelServerOptions kestrel, ListenerRole role, string option, IPAddress address, int port, HttpProtocols protocols, params Entrance[] entrances)
    {
        var feature = new ListenerRoleFeature(role);
        kestrel.Listen(address, port, listen =>
        {
            listen.Protocols = protocols;
            foreach (var entrance in entrances)
                listen.Use(next => connection => entrance(connection, next));
            listen.Use(next => connection =>
            {
                connection.Features.Set(feature);
                return next(connection);
            });
            all.Add((role, option, listen));
        });
    }

    /// <summary>Which listener could not take its port, in one line; null where the failure is another one.</summary>
    internal string? DescribeTakenPort(Exception failure)
    {
        if (failure is not IOException || failure.InnerException is not AddressInUseException)
            return null;
        foreach (var (_, option, listen) in all)
        {
            if (listen.IPEndPoint is { Port: > 0 } end && failure.Message.Contains($":{end.Port}:", StringComparison.Ordinal))
                return $"Port {end.Port} on {end.Address} is taken. Choose another with {option}, or stop what listens there.";
        }

        return $"A port is taken: {failure.Message}";
    }

    private static Uri ToUri(ListenOptions listen) => new($"http://{listen.IPEndPoint}");
}
