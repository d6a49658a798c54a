using System.Net;
using System.Text;
using JitGrains.Gateway.Network;
using JitGrains.Gateway.Quickstart;
using JitGrains.Silo;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace JitGrains.Gateway.Hosting;

/// <summary>Where the process listens, and what answers there. Stateless.</summary>
internal static class ListenerSetup
{
    /// <summary>The listeners of the process' role.</summary>
    public static void Listen(KestrelServerOptions kestrel, Listeners listeners, GatewayOptions options)
    {
        kestrel.AddServerHeader = false;
        // Streams have no limit; whoever reads a body whole has one.
        kestrel.Limits.MaxRequestBodySize = null;
        kestrel.Limits.MaxRequestHeadersTotalSize = 64 * 1024;
        kestrel.Limits.MaxRequestHeaderCount = 200;
        kestrel.ResponseHeaderEncodingSelector = static _ => Encoding.Latin1;
        var proxied = kestrel.ApplicationServices.GetRequiredService<ProxyProtocol>();
        if (options.Role.RunsGateway())
        {
            Func<ConnectionContext, ConnectionDelegate, Task>? first = options.Network.ProxyProtocol ? proxied.Run : null;
            listeners.Add(kestrel, ListenerRole.Gateway, "--port", options.Address, options.Port, HttpProtocols.Http1, first);
            if (options.Http2Port is { } http2)
                listeners.Add(kestrel, ListenerRole.Gateway, "--http2-port", options.Address, http2, HttpProtocols.Http2, first);
        }

        if (options.Role.RunsSilo())
            listeners.Add(kestrel, ListenerRole.ControlPlane, "--control-port", options.ControlAddress, options.ControlPort, HttpProtocols.Http1, options.Network.ControlProxyProtocol ? proxied.Run : null);
        if (options is { Quickstart: true, SamplePort: { } sample })
            listeners.Add(kestrel, ListenerRole.SampleUpstream, "--sample-port", IPAddress.Loopback, sample, HttpProtocols.Http1);
    }

    /// <summary>One pipeline for each listener; a connection without one is answered by none.</summary>
    public static void Map(WebApplication app, GatewayOptions options)
    {
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
