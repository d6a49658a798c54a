using System.Net;
using System.Text;
using JitGrains.Gateway.Network;
using JitGrains.Gateway.Quickstart;
using JitGrains.Gateway.Tls;
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
        // What stands in front says https of its callers where the connection from there to here is clear.
        kestrel.AllowAlternateSchemes = options.SchemesVary;
        var tls = kestrel.ApplicationServices.GetRequiredService<TlsListeners>();
        var metrics = kestrel.ApplicationServices.GetRequiredService<NetworkMetrics>();
        var proxied = kestrel.ApplicationServices.GetRequiredService<ProxyProtocol>();
        if (options.Role.RunsGateway())
        {
            var guard = new ConnectionGuard(options.Limits.MaxConnections, options.Limits.MaxConnectionsPerAddress, options.Network.Proxies, metrics);
            Entrance[] entrances = options.Network.ProxyProtocol ? [guard.Run, proxied.Run] : [guard.Run];
            var role = new ListenerRoleFeature(ListenerRole.Gateway, options.Tls.IsTerminated);
            listeners.Add(kestrel, role, "--port", new IPEndPoint(options.Address, options.Port), ProtocolsOf(tls.Gateway), tls.Gateway, entrances);
            if (options.Http2Port is { } http2)
                listeners.Add(kestrel, role, "--http2-port", new IPEndPoint(options.Http2Address ?? options.Address, http2), HttpProtocols.Http2, null, entrances);
        }

        if (options.Role.RunsSilo())
        {
            var guard = new ConnectionGuard(options.Limits.ControlMaxConnections, options.Limits.ControlMaxConnections, options.Network.Proxies, metrics);
            Entrance[] entrances = options.Network.ControlProxyProtocol ? [guard.Run, proxied.Run] : [guard.Run];
            var role = new ListenerRoleFeature(ListenerRole.ControlPlane, options.ControlTls.IsTerminated);
            listeners.Add(kestrel, role, "--control-port", new IPEndPoint(options.ControlAddress, options.ControlPort), ProtocolsOf(tls.ControlPlane), tls.ControlPlane, entrances);
        }

        if (options is { Quickstart: true, SamplePort: { } sample })
            listeners.Add(kestrel, new ListenerRoleFeature(ListenerRole.SampleUpstream), "--sample-port", new IPEndPoint(IPAddress.Loopback, sample), HttpProtocols.Http1, null);
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

    /// <summary>Without TLS one port cannot tell the two apart.</summary>
    private static HttpProtocols ProtocolsOf(TlsListener? tls) => tls is null ? HttpProtocols.Http1 : HttpProtocols.Http1AndHttp2;

    private static ListenerRole? Role(HttpContext context) => context.Features.Get<ListenerRoleFeature>()?.Role;
}
