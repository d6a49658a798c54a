using System.Buffers;
using System.Net;
using System.Text;
using JitGrains.Http;
using JitGrains.Silo.Network;

namespace JitGrains.Gateway.Forwarding.Lines;

/// <summary>
/// Writes a call without a body as HTTP/1.1 (RFC 9112): the canonical request's own method and target, and of its headers those
/// that go upstream (<see cref="ForwardedHeaders"/>). What it cannot write byte for byte it does not write. Stateless.
/// </summary>
internal static class RequestHead
{
    private static readonly SearchValues<char> TargetCharacters = SearchValues.Create([.. Enumerable.Range('!', '~' - '!' + 1).Select(c => (char)c)]);
    private static readonly SearchValues<char> ValueCharacters = SearchValues.Create(['\t', .. Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (char)c)]);
    private static readonly SearchValues<char> NameCharacters = SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>Writes it; false where it holds what this does not write.</summary>
    /// <param name="output">Where it goes.</param>
    /// <param name="context">The call.</param>
    /// <param name="call">What is known of it.</param>
    /// <param name="host">The upstream's host, with its port where that is not the scheme's.</param>
    public static bool TryWrite(ArrayBufferWriter<byte> output, HttpContext context, ForwardedCall call, byte[] host)
    {
        var request = call.Request;
        if (request.Method.AsSpan().ContainsAnyExcept(NameCharacters) || request.RawPath.AsSpan().ContainsAnyExcept(TargetCharacters) || request.RawQuery.AsSpan().ContainsAnyExcept(TargetCharacters))
            return false;
        Text(output, request.Method);
        output.Write(" "u8);
        Text(output, request.RawPath);
        Text(output, request.RawQuery);
        output.Write(" HTTP/1.1\r\nHost: "u8);
        output.Write(host);
        output.Write("\r\n"u8);
        var (cookies, n) = (0, 0);
        foreach (var (name, values) in context.Request.Headers)
        {
            // The canonical request has the same lines in the same order, with names in lower case already.
            var lower = n < request.Headers.Length && request.Headers[n].Name.Equals(name, StringComparison.OrdinalIgnoreCase) ? request.Headers[n].Name : name.ToLowerInvariant();
            n += values.Count;
            if (!ForwardedHeaders.IsForwarded(lower, call.Api) || FieldMeanings.Of(lower) != FieldMeaning.Passed)
                continue;
            foreach (var value in values)
            {
                var line = lower == "prefer" ? Preferences.WithoutOurs(value ?? "") : value ?? "";
                if (line is null)
                    continue;
                // Several lines of cookies are one to HTTP/1.1 (RFC 9113 section 8.2.3): another one puts them together.
                if ((lower == "cookie" && ++cookies > 1) || name.AsSpan().ContainsAnyExcept(NameCharacters) || line.AsSpan().ContainsAnyExcept(ValueCharacters))
                    return false;
                Text(output, name);
                output.Write(": "u8);
                Text(output, line);
                output.Write("\r\n"u8);
            }
        }

        if (request.Authority.AsSpan().ContainsAnyExcept(ValueCharacters))
            return false;
        output.Write("X-Forwarded-Proto: "u8);
        Text(output, request.Scheme);
        output.Write("\r\nX-Forwarded-Host: "u8);
        Text(output, request.Authority);
        output.Write("\r\n"u8);
        if (ClientAddress.Of(context) is { } address)
            Client(output, address);
        // A method that has a body says so where it has none (RFC 9110 section 8.6).
        output.Write(request.Method is "POST" or "PUT" or "PATCH" ? "Content-Length: 0\r\n\r\n"u8 : "\r\n"u8);
        return true;
    }

    private static void Client(ArrayBufferWriter<byte> output, IPAddress address)
    {
        output.Write("X-Forwarded-For: "u8);
        address.TryFormat(output.GetSpan(64), out var written);
        output.Advance(written);
        output.Write("\r\n"u8);
    }

    private static void Text(ArrayBufferWriter<byte> output, string text)
    {
        var room = output.GetSpan(text.Length);
        Ascii.FromUtf16(text, room, out var written);
        output.Advance(written);
    }
}
