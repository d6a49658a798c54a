using System.Collections.Frozen;
using System.Collections.Immutable;
using JitGrains.Policy;

namespace JitGrains.Http;

/// <summary>
/// The one place that says which headers cross the gateway: the payload binding covers, and the forwarder sends, what stands
/// here. Stateless and thread-safe.
/// </summary>
/// <remarks>
/// Not forwarded from the caller: ours (<c>Jit-*</c>, <c>Jit_*</c>), hop-by-hop ones (the forwarder writes <c>TE</c>,
/// framing and upgrades anew), DPoP (a proof for this gateway, new with each call), Host and Content-Length (written from the canonical request and the body), what names the
/// caller's address or an outer URL (the gateway sets its own, and a caller's would be believed), and Authorization unless
/// the API says so. An underscore counts as a hyphen. Of <c>Prefer</c> (RFC 7240) the preferences <c>wait</c> and
/// <c>respond-async</c> are ours and end here; the rest goes on.
/// </remarks>
public static class ForwardedHeaders
{
    private static readonly FrozenSet<string> NeverForwarded = new[]
    {
        "host", "content-length", "x-content-length",
        "connection", "keep-alive", "te", "transfer-encoding", "upgrade", "proxy", "http2-settings",
        "forwarded", "x-real-ip", "dpop",
    }.ToFrozenSet();

    /// <summary>The header lines of a request that go upstream, in order, names in lower case.</summary>
    public static ImmutableArray<HeaderLine> OfRequest(CanonicalRequest request, ApiDefinition api)
    {
        var lines = ImmutableArray.CreateBuilder<HeaderLine>(request.Headers.Length);
        foreach (var line in request.Headers)
        {
            if (!IsForwarded(line.Name, api))
                continue;
            if (line.Name != "prefer")
                lines.Add(line);
            else if (Preferences.WithoutOurs(line.Value) is { } rest)
                lines.Add(line with { Value = rest });
        }

        return lines.DrainToImmutable();
    }

    /// <summary>Whether a request header goes upstream to this API (<c>prefer</c>: what is left of it): not the one by which it knows the gateway.</summary>
    public static bool IsForwarded(string lowerCaseName, ApiDefinition api) =>
        IsForwarded(lowerCaseName, api.ForwardAuthorization) && (api.Credential is not { } credential || HeaderNames.Hyphenated(lowerCaseName) != credential.HeaderName);

    /// <summary>Whether a request header goes upstream (<c>prefer</c>: what is left of it).</summary>
    /// <param name="lowerCaseName">Its name, lower case.</param>
    /// <param name="forwardAuthorization">Whether the API gets the caller's Authorization.</param>
    public static bool IsForwarded(string lowerCaseName, bool forwardAuthorization)
    {
        var name = HeaderNames.Hyphenated(lowerCaseName);
        if (name == "authorization")
            return forwardAuthorization;
        return !NeverForwarded.Contains(name)
            && !name.StartsWith(HeaderNames.OursPrefix, StringComparison.Ordinal)
            && !name.StartsWith("proxy-", StringComparison.Ordinal)
            && !name.StartsWith("x-forwarded-", StringComparison.Ordinal);
    }

    /// <summary>
    /// Whether a response header or trailer of an upstream may reach the caller: all but ours. Framing and hop-by-hop headers
    /// are the HTTP stack's.
    /// </summary>
    public static bool IsReturned(string name) =>
        !(name.Length >= 4 && name.StartsWith("jit", StringComparison.OrdinalIgnoreCase) && name[3] is '-' or '_');

    /// <summary>The same for an API's upstreams: the header by which they know the gateway is not among what they may tell callers.</summary>
    public static bool IsReturned(string name, ApiDefinition api) =>
        IsReturned(name) && (api.Credential?.HeaderName is not { } injected || HeaderNames.Hyphenated(HeaderNames.Lower(name)) != injected);
}
