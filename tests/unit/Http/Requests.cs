using System.Collections.Immutable;
using JitGrains.Http;

namespace JitGrains.UnitTests.Http;

/// <summary>Raw requests for the tests.</summary>
internal static class Requests
{
    /// <summary>A request to <c>api.example.com</c> with further header lines, written <c>Name: value</c>.</summary>
    public static RawRequest Raw(string method, string target, params string[] headers) => new()
    {
        Method = method,
        Target = target,
        Scheme = "http",
        Protocol = "HTTP/1.1",
        Headers = [new("Host", "api.example.com"), .. headers.Select(Line)],
    };

    /// <summary>A request as one text: a request line (with scheme and authority of the listener elsewhere) and header lines.</summary>
    public static RawRequest Text(string text, string scheme = "http", string? connectProtocol = null)
    {
        var lines = text.Split('\n');
        var first = lines[0].Split(' ');
        return new RawRequest
        {
            Method = first[0],
            Target = string.Join(' ', first[1..^1]),
            Protocol = first[^1],
            Scheme = scheme,
            ConnectProtocol = connectProtocol,
            Headers = [.. lines.Skip(1).Select(Line)],
        };
    }

    public static CanonicalRequest Canonical(RawRequest raw) =>
        RequestParser.Parse(raw).TryGet(out var request, out var refusal) ? request : throw new InvalidOperationException(refusal.ToString());

    public static CanonicalRequest Canonical(string method, string target, params string[] headers) => Canonical(Raw(method, target, headers));

    /// <summary>The code of the refusal, or null.</summary>
    public static string? RefusalCode(RawRequest raw) => RequestParser.Parse(raw).TryGet(out _, out var refusal) ? null : refusal.Code;

    private static HeaderLine Line(string line)
    {
        var colon = line.IndexOf(": ", StringComparison.Ordinal);
        return new HeaderLine(line[..colon], line[(colon + 2)..]);
    }
}
