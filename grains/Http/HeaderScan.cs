using System.Buffers;
using System.Collections.Immutable;
using System.Globalization;

namespace JitGrains.Http;

/// <summary>One pass over the header lines: names, values, framing, Host and upgrades (RFC 9110, 9112).</summary>
internal sealed class HeaderScan(RawRequest raw)
{
    // A tab is white space within a value; all else below the space ends or splits lines somewhere.
    private static readonly SearchValues<char> ValueCharacters =
        SearchValues.Create([.. Enumerable.Range(' ', '\x7f' - ' ').Select(c => (char)c), '\t']);

    private readonly bool _modern = raw.Protocol is "HTTP/2" or "HTTP/3";
    private readonly ImmutableArray<HeaderLine>.Builder _headers = ImmutableArray.CreateBuilder<HeaderLine>(raw.Headers.Length);
    private long? _contentLength;
    private bool _movedContentLength;
    private string? _transferEncoding;
    private string? _upgrade;
    private bool _connectionUpgrade;

    public string? Host { get; private set; }

    public bool IsWebSocket { get; private set; }

    public bool DeclaresTrailers { get; private set; }

    /// <summary>The lines with names in lower case and trimmed values; once.</summary>
    public ImmutableArray<HeaderLine> Headers => _headers.DrainToImmutable();

    /// <summary>Reads all lines.</summary>
    public CanonicalRefusal? Run()
    {
        if (raw.Headers.Length > RequestParser.MaxHeaders)
            return Refusals.HeadersTooLarge;
        var size = 0L;
        foreach (var (name, value) in raw.Headers)
        {
            size += name.Length + value.Length;
            if (size > RequestParser.MaxHeaderBytes)
                return Refusals.HeadersTooLarge;
            if (name.Length == 0 || name.AsSpan().ContainsAnyExcept(RequestParser.TokenCharacters))
                return Refusals.BadHeaderName;
            var line = new HeaderLine(HeaderNames.Lower(name), value.Trim(' ', '\t'));
            if (CheckName(line.Name) is { } badName)
                return badName;
            if (CheckValue(line) is { } badValue)
                return badValue;
            if (Read(line) is { } refusal)
                return refusal;
            _headers.Add(line);
        }

        return Host is null ? Refusals.HostMissing : CheckFraming() ?? CheckUpgrade();
    }

    private CanonicalRefusal? CheckName(string name)
    {
        var hyphenated = HeaderNames.Hyphenated(name);
        if (HeaderNames.Overriding.Contains(hyphenated))
            return Refusals.Overrides(name);
        var isOurs = hyphenated.StartsWith(HeaderNames.OursPrefix, StringComparison.Ordinal);
        if (!ReferenceEquals(hyphenated, name) && (isOurs || HeaderNames.Read.Contains(hyphenated)))
            return Refusals.Alias(name);
        return (isOurs || HeaderNames.Single.Contains(name)) && Came(name) ? Refusals.Repeated(name) : null;
    }

    private bool Came(string name)
    {
        // By place: going through what is being built another way costs every call an object.
        for (var i = 0; i < _headers.Count; i++)
        {
            if (_headers[i].Name == name)
                return true;
        }

        return false;
    }

    /// <summary>
    /// Values are ASCII, because there is no telling in which encoding an upstream reads more; only our own headers, which end
    /// here, may hold any text.
    /// </summary>
    private static CanonicalRefusal? CheckValue(HeaderLine line)
    {
        var odd = line.Value.AsSpan().IndexOfAnyExcept(ValueCharacters);
        if (odd < 0)
            return null;
        var isText = line.Name.StartsWith(HeaderNames.OursPrefix, StringComparison.Ordinal) && !HasOtherControl(line.Value.AsSpan(odd));
        return isText ? null : Refusals.HeaderCharacter(line.Name);
    }

    private static bool HasOtherControl(ReadOnlySpan<char> value)
    {
        foreach (var c in value)
        {
            if (char.IsControl(c) && c != '\t')
                return true;
        }

        return false;
    }

    private CanonicalRefusal? Read(HeaderLine line)
    {
        switch (line.Name)
        {
            case "host":
                if (Host is not null)
                    return Refusals.HostRepeated;
                Host = line.Value;
                return null;
            case "content-length":
                if (_contentLength is not null || !IsLength(line.Value, out var length))
                    return Refusals.BadContentLength;
                _contentLength = length;
                return null;
            case "x-content-length":
                _movedContentLength = true;
                return null;
            case "transfer-encoding":
                if (_transferEncoding is not null)
                    return Refusals.BadTransferEncoding;
                _transferEncoding = line.Value;
                return null;
            case "connection":
                return _modern ? Refusals.ConnectionSpecific(line.Name) : ReadConnection(line.Value);
            case "upgrade":
                if (_modern)
                    return Refusals.ConnectionSpecific(line.Name);
                if (_upgrade is not null)
                    return Refusals.BadUpgrade;
                _upgrade = line.Value;
                return null;
            case "keep-alive" or "proxy-connection":
                return _modern ? Refusals.ConnectionSpecific(line.Name) : null;
            case "te":
                return _modern && !line.Value.Equals("trailers", StringComparison.OrdinalIgnoreCase) ? Refusals.ConnectionSpecific(line.Name) : null;
            case "trailer":
                DeclaresTrailers = true;
                return null;
            default:
                return null;
        }
    }

    private static bool IsLength(string value, out long length)
    {
        length = 0;
        return value.Length is > 0 and <= 19 && !value.AsSpan().ContainsAnyExceptInRange('0', '9')
            && long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out length);
    }

    private CanonicalRefusal? ReadConnection(string value)
    {
        foreach (var range in value.AsSpan().Split(','))
        {
            var option = value.AsSpan(range).Trim(" \t");
            if (option.Equals("upgrade", StringComparison.OrdinalIgnoreCase))
                _connectionUpgrade = true;
            else if (!option.IsEmpty && !option.Equals("close", StringComparison.OrdinalIgnoreCase)
                && !option.Equals("keep-alive", StringComparison.OrdinalIgnoreCase) && !option.Equals("te", StringComparison.OrdinalIgnoreCase))
                return Refusals.BadConnection;
        }

        return null;
    }

    private CanonicalRefusal? CheckFraming()
    {
        if (_transferEncoding is null)
            return null;
        // Kestrel takes a Content-Length that came beside Transfer-Encoding out of the way, under this name.
        if (_contentLength is not null || _movedContentLength)
            return Refusals.ConflictingLength;
        return raw.Protocol == "HTTP/1.1" && _transferEncoding.Equals("chunked", StringComparison.OrdinalIgnoreCase)
            ? null
            : Refusals.BadTransferEncoding;
    }

    /// <summary>
    /// <c>Connection: upgrade</c> alone asks for nothing (some proxies always send it). A body with an upgrade would be read
    /// as the upgraded stream by one side and as a body by the other.
    /// </summary>
    private CanonicalRefusal? CheckUpgrade()
    {
        if (raw.ConnectProtocol is not null || _upgrade is null)
            return null;
        IsWebSocket = _connectionUpgrade && raw is { Protocol: "HTTP/1.1", Method: "GET" }
            && _upgrade.Equals("websocket", StringComparison.OrdinalIgnoreCase)
            && _transferEncoding is null && _contentLength is null or 0;
        return IsWebSocket ? null : Refusals.BadUpgrade;
    }
}
