using System.Net;
using JitGrains.Gateway.Hosting;
using JitGrains.Network;
using JitGrains.Silo.Network;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace JitGrains.Gateway.Network;

/// <summary>
/// Finds where a request comes from, as it comes in: who connected (which the PROXY protocol may have said), and behind listed
/// proxies whom these name; and whether the caller used https. From anybody else forwarding headers mean nothing. Thread-safe.
/// </summary>
internal sealed class ClientAddresses(NetworkOptions options, GatewayOptions listeners)
{
    private readonly bool schemesVary = listeners.SchemesVary;

    /// <summary>Sets the request's <see cref="ClientAddress"/>, and its scheme.</summary>
    public void Find(HttpContext context)
    {
        if (ClientAddress.Of(context) is not { } connected)
            return;
        var peer = AddressText.Plain(connected);
        var isProxy = options.Proxies.Contains(peer);
        if (schemesVary)
            FindScheme(context, isProxy);
        var client = isProxy ? Behind(peer, context.Request.Headers) : peer;
        if (!ReferenceEquals(client, connected))
            ClientAddress.Set(context, client);
    }

    /// <summary>Clear text behind what speaks TLS is https to the caller, unless a listed proxy says otherwise.</summary>
    private static void FindScheme(HttpContext context, bool isProxy)
    {
        // TLS up to here is no matter of opinion.
        if (context.Features.Get<ITlsConnectionFeature>() is not null)
            return;
        var told = isProxy && context.Request.Headers["X-Forwarded-Proto"] is [{ } only] ? only : "";
        if (told.Equals("https", StringComparison.OrdinalIgnoreCase) || told.Equals("http", StringComparison.OrdinalIgnoreCase))
            context.Request.Scheme = told.ToLowerInvariant();
        else
            context.Request.Scheme = context.Features.Get<ListenerRoleFeature>() is { IsTerminated: true } ? "https" : "http";
    }

    private IPAddress? Behind(IPAddress peer, IHeaderDictionary headers)
    {
        var forwardedFor = options.ProxyHeader is ForwardingHeader.Any or ForwardingHeader.XForwardedFor ? headers["X-Forwarded-For"] : default;
        var forwarded = options.ProxyHeader is ForwardingHeader.Any or ForwardingHeader.Forwarded ? headers["Forwarded"] : default;
        if (forwarded.Count == 0)
            return forwardedFor.Count == 0 ? peer : ForwardedChain.OfForwardedFor(peer, options.Proxies, Lines(forwardedFor));
        var first = ForwardedChain.OfForwarded(peer, options.Proxies, Lines(forwarded));
        if (forwardedFor.Count == 0)
            return first;
        // A proxy that writes one of them passes on whatever its client wrote into the other.
        var second = ForwardedChain.OfForwardedFor(peer, options.Proxies, Lines(forwardedFor));
        return first is not null && first.Equals(second) ? first : null;
    }

    private static string?[] Lines(StringValues values) => values.ToArray();
}
