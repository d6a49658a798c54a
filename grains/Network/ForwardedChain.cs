using System.Net;

namespace JitGrains.Network;

/// <summary>
/// Finds the client behind listed proxies by what they wrote. Each proxy adds, at the end, who connected to it: so the chain is
/// walked from the end, through listed proxies only, and ends at the first address that is not listed, or where the chain
/// ends. What stands before that the client may have written itself, and is not looked at. Stateless and thread-safe.
/// </summary>
public static class ForwardedChain
{
    /// <summary>By <c>X-Forwarded-For</c>.</summary>
    /// <param name="peer">Who connected here; a listed proxy.</param>
    /// <param name="proxies">The listed proxies.</param>
    /// <param name="lines">The header's values, in order.</param>
    /// <returns>The client's address; null where a listed proxy wrote something that is no address.</returns>
    public static IPAddress? OfForwardedFor(IPAddress peer, AddressSet proxies, ReadOnlySpan<string?> lines)
    {
        var at = peer;
        for (var i = lines.Length - 1; i >= 0; i--)
        {
            var left = lines[i].AsSpan();
            for (var comma = 0; comma >= 0;)
            {
                if (!proxies.Contains(at))
                    return at;
                comma = left.LastIndexOf(',');
                if (AddressText.Hop(left[(comma + 1)..].Trim(" \t")) is not { } hop)
                    return null;
                at = hop;
                left = comma < 0 ? default : left[..comma];
            }
        }

        return at;
    }

    /// <summary>By <c>Forwarded</c> (RFC 7239). A line that is not well-formed makes the address unknown, wherever it stands.</summary>
    /// <param name="peer">Who connected here; a listed proxy.</param>
    /// <param name="proxies">The listed proxies.</param>
    /// <param name="lines">The header's values, in order.</param>
    /// <returns>The client's address; null where a listed proxy hid it (<c>unknown</c>, <c>_name</c>), or something is malformed.</returns>
    public static IPAddress? OfForwarded(IPAddress peer, AddressSet proxies, ReadOnlySpan<string?> lines)
    {
        var nodes = new List<string?>();
        foreach (var line in lines)
        {
            if (!ForwardedSyntax.TryReadNodes(line, nodes))
                return null;
        }

        var at = peer;
        for (var i = nodes.Count - 1; i >= 0 && proxies.Contains(at); i--)
        {
            if (nodes[i] is not { } node || ForwardedSyntax.AddressOf(node) is not { } hop)
                return null;
            at = hop;
        }

        return at;
    }
}
