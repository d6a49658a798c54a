using JitGrains.Network;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.Silo.Network;

/// <summary>The address table in force. Thread-safe.</summary>
public interface IAddressTables
{
    /// <summary>The table; an empty one where none is configured.</summary>
    AddressTable Current { get; }

    /// <summary>Whether its files have changed and cannot be taken, so that the last good one stays.</summary>
    bool Degraded { get; }
}

/// <summary>Where requests come from, with what the address table knows of it.</summary>
public static class CallOrigins
{
    /// <summary>The request's origin; without a table only its address.</summary>
    public static CallOrigin Of(HttpContext http) =>
        (http.RequestServices.GetService<IAddressTables>()?.Current ?? AddressTable.Empty).Find(ClientAddress.Of(http));
}
