namespace JitGrains.Http;

/// <summary>The refusals of the parser. None quotes the request.</summary>
internal static class Refusals
{
    public static readonly CanonicalRefusal Unread = new(400, "unread", "The request was not read.", "request");

    public static readonly CanonicalRefusal BadMethod = Method(400, "bad-method", "The method is no HTTP token of at most 32 characters.");
    public static readonly CanonicalRefusal MethodCase = Method(400, "method-case", "Methods are case-sensitive: a standard method is written in capitals.");
    public static readonly CanonicalRefusal MethodRefused = Method(405, "method-refused", "This method does not pass through the gateway.");
    public static readonly CanonicalRefusal ConnectRefused = Method(405, "connect-refused", "CONNECT passes only as a WebSocket over HTTP/2 or later (RFC 8441).");
    public static readonly CanonicalRefusal BadProtocol = new(505, "bad-protocol", "The gateway speaks HTTP/1.0, 1.1, 2 and 3.", "protocol");

    public static readonly CanonicalRefusal TargetTooLong = Target(414, "target-too-long", $"The request target has at most {RequestParser.MaxTargetLength} characters.");
    public static readonly CanonicalRefusal EmptyTarget = Target("empty-target", "The request target is empty.");
    public static readonly CanonicalRefusal AsteriskForm = Target("asterisk-form", "The asterisk form of the request target is not accepted.");
    public static readonly CanonicalRefusal AuthorityForm = Target("authority-form", "The request target is a path, or a whole http or https URL.");
    public static readonly CanonicalRefusal AbsoluteForm = Target("absolute-form", "Over HTTP/2 and later the request target is a path.");
    public static readonly CanonicalRefusal SchemeMismatch = Target("scheme-mismatch", "The URL's scheme is not the one of this listener.");
    public static readonly CanonicalRefusal AuthorityMismatch = Target("authority-mismatch", "The URL's authority is not the one of the Host header.");
    public static readonly CanonicalRefusal BadTargetAuthority = Target("bad-authority", "The URL's authority is not a host with an optional port.");
    public static readonly CanonicalRefusal NonAscii = Target("raw-non-ascii", "Characters beyond ASCII are percent-encoded in a request target.");
    public static readonly CanonicalRefusal Space = Target("raw-space", "Spaces are percent-encoded in a request target.");
    public static readonly CanonicalRefusal Fragment = Target("fragment", "A request target has no fragment.");
    public static readonly CanonicalRefusal Backslash = Target("backslash", "A request target holds no backslash.");
    public static readonly CanonicalRefusal BadCharacter = Target("bad-character", "The request target holds a character that must be percent-encoded.");
    public static readonly CanonicalRefusal ControlCharacter = Target("control-character", "The request target holds a control character.");
    public static readonly CanonicalRefusal MalformedEscape = Target("malformed-escape", "A percent sign is followed by two hexadecimal digits.");
    public static readonly CanonicalRefusal InvalidUtf8 = Target("invalid-utf8", "Percent-encoded text is well-formed UTF-8.");
    public static readonly CanonicalRefusal EncodedBackslash = Target("encoded-backslash", "The path holds an encoded backslash.");
    public static readonly CanonicalRefusal DotSegment = Target("dot-segment", "The path holds a dot segment.");
    public static readonly CanonicalRefusal EmptySegment = Target("empty-segment", "The path holds an empty segment.");
    public static readonly CanonicalRefusal NestedEncoding = Target("nested-encoding", "The path is percent-encoded too many times over.");
    public static readonly CanonicalRefusal MethodParameter = new(400, "method-override", "The query parameter _method would override the method.", "query:_method");

    public static readonly CanonicalRefusal HostMissing = Header("host", "host-missing", "Exactly one Host header is needed.");
    public static readonly CanonicalRefusal HostRepeated = Header("host", "host-repeated", "Exactly one Host header is needed.");
    public static readonly CanonicalRefusal BadHost = Header("host", "bad-host", "Host is a name or an address with an optional port.");
    public static readonly CanonicalRefusal BadHeaderName = new(400, "bad-header-name", "A header name is no HTTP token.", "header");
    public static readonly CanonicalRefusal HeadersTooLarge =
        new(431, "headers-too-large", $"A request has at most {RequestParser.MaxHeaders} header lines of {RequestParser.MaxHeaderBytes / 1024} KiB together.", "header");

    public static readonly CanonicalRefusal BadContentLength = Header("content-length", "bad-content-length", "Content-Length comes at most once and is a decimal number.");
    public static readonly CanonicalRefusal ConflictingLength = Header("content-length", "conflicting-length", "Content-Length and Transfer-Encoding exclude each other.");
    public static readonly CanonicalRefusal BadTransferEncoding = Header("transfer-encoding", "bad-transfer-encoding", "Transfer-Encoding comes at most once and is chunked, in HTTP/1.1 only.");
    public static readonly CanonicalRefusal BadConnection = Header("connection", "bad-connection", "Connection names nothing but close, keep-alive, upgrade and TE.");
    public static readonly CanonicalRefusal BadUpgrade = Header("upgrade", "bad-upgrade", "Only an upgrade to WebSocket is accepted: GET over HTTP/1.1, without a body, with Connection: upgrade.");

    public static CanonicalRefusal Overrides(string name) =>
        Header(name, "override-header", "The header would override the request's method or URL.");

    public static CanonicalRefusal Alias(string name) =>
        Header(name, "header-alias", "The header's name, with underscores for hyphens, stands for one that the gateway reads.");

    public static CanonicalRefusal HeaderCharacter(string name) =>
        Header(name, "header-character", "The header's value holds a control character or one beyond ASCII.");

    public static CanonicalRefusal Repeated(string name) => Header(name, "repeated-header", "The header comes at most once.");

    public static CanonicalRefusal ConnectionSpecific(string name) =>
        Header(name, "connection-specific", "The header has no place in HTTP/2 and later.");

    private static CanonicalRefusal Method(int status, string code, string detail) => new(status, code, detail, "method");

    private static CanonicalRefusal Target(string code, string detail) => Target(400, code, detail);

    private static CanonicalRefusal Target(int status, string code, string detail) => new(status, code, detail, "target");

    private static CanonicalRefusal Header(string name, string code, string detail) => new(400, code, detail, "header:" + name);
}
