using System.Net;
using Microsoft.AspNetCore.Http;

namespace JitGrains.Silo.Network;

/// <summary>
/// Where a request comes from: the one answer for conditions, limits, audit and metrics. Found once, as the request comes in,
/// by way of the proxies that are listed in the settings; nothing else reads forwarding headers. Stateless and thread-safe.
/// </summary>
public static class ClientAddress
{
    /// <summary>The client's address, IPv4 as such; null where it is not known, with which whatever depends on it fails closed.</summary>
    public static IPAddress? Of(HttpContext context) => context.Connection.RemoteIpAddress;

    /// <summary>Says what it is. Only for the one who found it.</summary>
    public static void Set(HttpContext context, IPAddress? address) => context.Connection.RemoteIpAddress = address;
}
