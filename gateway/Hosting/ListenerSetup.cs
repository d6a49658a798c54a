using System.Net;
using System.Text;
using JitGrains.Gateway.Network;
using JitGrains.Gateway.Quickstart;
using JitGrains.Gateway.RequestPath;
using JitGrains.Gateway.Tls;
using JitGrains.Silo;
using JitGrains.Silo.Network;
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
        var callers = new ConnectionGuard(options.Limits.MaxConnections, options.Limits.MaxConnectionsPerAddress, options.Network.Proxies, metrics);
        var control = new ConnectionGuard(options.Limits.ControlMaxConnections, options.Limits.ControlMaxConnections, options.Network.Proxies, metrics);
        foreach (var one in options.AllListeners())
        {
            var guard = one.Role == ListenerRole.Gateway ? callers : control;
            Entrance[] entrances = one.ProxyProtocol ? [guard.Run, proxied.Run] : [guard.Run];
            var feature = new ListenerRoleFeature(one.Role, one.Tls.IsTerminated, one.From.IsEmpty ? null : one.From);
            listeners.Add(kestrel, one.Name, feature, one.PortSetting, new IPEndPoint(one.Address, one.Port), one.Protocols, tls.Of(one.Name), entrances);
        }

        if (options is { Quickstart: true, SamplePort: { } sample })
            listeners.Add(kestrel, "sample", new ListenerRoleFeature(ListenerRole.SampleUpstream), "--sample-port", new IPEndPoint(IPAddress.Loopback, sample), HttpProtocols.Http1, null);
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
        if (options.AllListeners().Any(l => !l.From.IsEmpty))
            app.Use((context, next) => IsFromThere(context) ? next(context) : Answers.Refuse(context, GatewayProblems.NetworkDenied));
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

    /// <summary>Whether the listener takes requests from there. Where that is not known, it does only if it takes them from anywhere.</summary>
    private static bool IsFromThere(HttpContext context) =>
        context.Features.Get<ListenerRoleFeature>()?.From is not { } from || (ClientAddress.Of(context) is { } client && from.Contains(client));

    private static ListenerRole? Role(HttpContext context) => context.Features.Get<ListenerRoleFeature>()?.Role;
}
