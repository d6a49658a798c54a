using System.Net;
using JitGrains.Network;
using Microsoft.AspNetCore.Connections;

namespace JitGrains.Gateway.Network;

/// <summary>
/// Counts the connections of listeners that share a limit, and closes those that are too many as they come, before a byte is
/// read; and those of one address, so that it cannot take all. Thread-safe.
/// </summary>
internal sealed class ConnectionGuard(int most, int mostOfOne, AddressSet proxies, NetworkMetrics metrics)
{
    private readonly Lock gate = new();
    private readonly Dictionary<IPAddress, int> byAddress = [];
    private int open;

    /// <summary>Open connections.</summary>
    public int Open => Volatile.Read(ref open);

    /// <summary>Lets the connection on for as long as it lasts, or closes it.</summary>
    public async Task Run(ConnectionContext connection, ConnectionDelegate next)
    {
        var address = mostOfOne < most && connection.RemoteEndPoint is IPEndPoint peer && !proxies.Contains(peer.Address) ? AddressText.Plain(peer.Address) : null;
        if (Enter(address) is { } refused)
        {
            metrics.Refused(refused);
            connection.Abort(new ConnectionAbortedException("There are too many connections."));
            return;
        }

        try
        {
            await next(connection);
        }
        finally
        {
            Leave(address);
        }
    }

    private string? Enter(IPAddress? address)
    {
        lock (gate)
        {
            if (open >= most)
                return "full";
            if (address is not null)
            {
                var of = byAddress.GetValueOrDefault(address);
                if (of >= mostOfOne)
                    return "full_of_one";
                byAddress[address] = of + 1;
            }

            open++;
            return null;
        }
    }

    private void Leave(IPAddress? address)
    {
        lock (gate)
        {
            open--;
            if (address is null)
                return;
            if (byAddress[address] == 1)
                byAddress.Remove(address);
            else
                byAddress[address]--;
        }
    }
}
