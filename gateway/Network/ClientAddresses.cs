using System.Net;
using JitGrains.Network;
using JitGrains.Silo.Network;
using Microsoft.Extensions.Primitives;

namespace JitGrains.Gateway.Network;

/// <summary>
/// Finds where a request comes from, as it comes in: who connected (which the PROXY protocol may have said), and behind listed
/// proxies whom these name. From anybody else forwarding headers mean nothing. Thread-safe.
/// </summary>
internal sealed class ClientAddresses(NetworkOptions options)
{
    /// <summary>Sets the request's <see cref="ClientAddress"/>.</summary>
    public void Find(HttpContext context)
    {
        if (ClientAddress.Of(context) is not { } connected)
            return;
        var peer = AddressText.Plain(connected);
        var client = options.Proxies.Contains(peer) ? Behind(peer, context.Request.Headers) : peer;
        if (!ReferenceEquals(client, connected))
            ClientAddress.Set(context, client);
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
