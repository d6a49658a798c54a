using System.Buffers;
using System.Net;
using System.Text;

namespace JitGrains.Network;

/// <summary>The syntax of <c>Forwarded</c> (RFC 7239 section 4), read strictly but for white space around semicolons. Stateless.</summary>
internal static class ForwardedSyntax
{
    private static readonly SearchValues<char> TokenChars = SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>Adds the <c>for</c> of each element, null for an element without one; false where the line is malformed.</summary>
    public static bool TryReadNodes(ReadOnlySpan<char> line, List<string?> nodes)
    {
        var at = 0;
        while (true)
        {
            if (!TryReadElement(line, ref at, out var node))
                return false;
            nodes.Add(node);
            if (at == line.Length)
                return true;
            // What stopped the element is a comma.
            at++;
        }
    }

    /// <summary>The address of a node: <c>192.0.2.1</c>, <c>[2001:db8::1]</c>, either with a port, which may be obfuscated; null for any other.</summary>
    public static IPAddress? AddressOf(ReadOnlySpan<char> node)
    {
        var end = node.StartsWith('[') ? node.IndexOf(']') + 1 : node.IndexOf(':');
        if (end > 0 && end < node.Length && node[end..].StartsWith(":_"))
        {
            var hidden = node[(end + 2)..];
            if (hidden.IsEmpty || hidden.ContainsAnyExcept(TokenChars))
                return null;
            node = node[..end];
        }

        // Unlike in X-Forwarded-For, IPv6 without brackets is malformed.
        return node.StartsWith('[') || node.Count(':') < 2 ? AddressText.Hop(node) : null;
    }

    /// <summary>Reads up to a comma or the end.</summary>
    private static bool TryReadElement(ReadOnlySpan<char> line, ref int at, out string? node)
    {
        node = null;
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        while (true)
        {
            SkipSpace(line, ref at);
            var length = TokenLength(line[at..]);
            if (length > 0)
            {
                var name = line.Slice(at, length).ToString();
                at += length;
                if (at >= line.Length || line[at++] != '=' || !TryReadValue(line, ref at, out var value) || !names.Add(name))
                    return false;
                if (name.Equals("for", StringComparison.OrdinalIgnoreCase))
                    node = value;
            }

            SkipSpace(line, ref at);
            if (at == line.Length || line[at] == ',')
                return names.Count > 0;
            if (line[at++] != ';')
                return false;
        }
    }

    private static bool TryReadValue(ReadOnlySpan<char> line, ref int at, out string value)
    {
        value = "";
        if (at < line.Length && line[at] == '"')
            return TryReadQuoted(line, ref at, out value);
        var length = TokenLength(line[at..]);
        value = line.Slice(at, length).ToString();
        at += length;
        return length > 0;
    }

    private static bool TryReadQuoted(ReadOnlySpan<char> line, ref int at, out string value)
    {
        var text = new StringBuilder();
        for (at++; at < line.Length; at++)
        {
            var c = line[at];
            if (c == '"')
            {
                at++;
                value = text.ToString();
                return true;
            }

            if (c == '\\' && ++at < line.Length)
                c = line[at];
            if (c is < ' ' and not '\t' or '\x7f')
                break;
            text.Append(c);
        }

        value = "";
        return false;
    }

    private static int TokenLength(ReadOnlySpan<char> text)
    {
        var length = text.IndexOfAnyExcept(TokenChars);
        return length < 0 ? text.Length : length;
    }

    private static void SkipSpace(ReadOnlySpan<char> line, ref int at)
    {
        while (at < line.Length && line[at] is ' ' or '\t')
            at++;
    }
}
