using System.Net;
using System.Text;
using JitGrains.Gateway.Network;
using JitGrains.Gateway.Quickstart;
using JitGrains.Silo;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace JitGrains.Gateway.Hosting;

/// <summary>Where the process listens, and what answers there. Stateless.</summary>
internal static class ListenerSetup
{
    /// <summary>The listeners of the process' role.</summary>
    public static void Listen(KestrelServerOptions kestrel, Listeners listeners, GatewayOptions options)
    {
        // A bare line feed ends a line for some servers and not for others.
        AppContext.SetSwitch("Microsoft.AspNetCore.Server.Kestrel.DisableHttp1LineFeedTerminators", true);
        kestrel.AddServerHeader = false;
        kestrel.ResponseHeaderEncodingSelector = static _ => Encoding.Latin1;
        options.Limits.Apply(kestrel.Limits);
        var metrics = kestrel.ApplicationServices.GetRequiredService<NetworkMetrics>();
        var proxied = kestrel.ApplicationServices.GetRequiredService<ProxyProtocol>();
        if (options.Role.RunsGateway())
        {
            var guard = new ConnectionGuard(options.Limits.MaxConnections, options.Limits.MaxConnectionsPerAddress, options.Network.Proxies, metrics);
            Entrance[] entrances = options.Network.ProxyProtocol ? [guard.Run, proxied.Run] : [guard.Run];
            listeners.Add(kestrel, ListenerRole.Gateway, "--port", options.Address, options.Port, HttpProtocols.Http1, entrances);
            if (options.Http2Port is { } http2)
                listeners.Add(kestrel, ListenerRole.Gateway, "--http2-port", options.Address, http2, HttpProtocols.Http2, entrances);
        }

        if (options.Role.RunsSilo())
        {
            var guard = new ConnectionGuard(options.Limits.ControlMaxConnections, options.Limits.ControlMaxConnections, options.Network.Proxies, metrics);
            Entrance[] entrances = options.Network.ControlProxyProtocol ? [guard.Run, proxied.Run] : [guard.Run];
            listeners.Add(kestrel, ListenerRole.ControlPlane, "--control-port", options.ControlAddress, options.ControlPort, HttpProtocols.Http1, entrances);
        }

        if (options is { Quickstart: true, SamplePort: { } sample })
            listeners.Add(kestrel, ListenerRole.SampleUpstream, "--sample-port", IPAddress.Loopback, sample, HttpProtocols.Http1);
    }

    /// <summary>One pipeline for each listener; a connection without one is answered by none.</summary>
    public static void Map(WebApplication app, GatewayOptions options)
    {
        // Who calls is found out by the pipelines themselves; the framework's own parts for that, which YARP registers, stay out.
        foreach (var part in (string[])["__AuthenticationMiddlewareSet", "__AuthorizationMiddlewareSet"])
            ((IApplicationBuilder)app).Properties[part] = true;
        var clients = app.Services.GetRequiredService<ClientAddresses>();
        app.Use((context, next) =>
        {
            clients.Find(context);
            return next(context);
        });
        if (options.Role.RunsGateway())
        {
            var gateway = app.Services.GetRequiredService<GatewayPipeline>();
            app.Use((context, next) => Role(context) == ListenerRole.Gateway ? gateway.Invoke(context) : next(context));
            // YARP loads its clusters when its route table, which stays empty, is mapped: in a branch that nothing reaches.
            app.MapWhen(static _ => false, branch =>
            {
                branch.UseRouting();
                branch.UseEndpoints(static e => e.MapReverseProxy());
            });
        }

        if (options.Role.RunsSilo())
            app.MapWhen(c => Role(c) == ListenerRole.ControlPlane, branch => branch.UseSilo());
        if (options is { Quickstart: true, SamplePort: not null })
        {
            app.MapWhen(c => Role(c) == ListenerRole.SampleUpstream, branch =>
            {
                branch.UseRouting();
                branch.UseEndpoints(new SampleOrders().Map);
            });
        }
    }

    private static ListenerRole? Role(HttpContext context) => context.Features.Get<ListenerRoleFeature>()?.Role;
}
