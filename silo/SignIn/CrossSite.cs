using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace JitGrains.Silo.SignIn;

/// <summary>
/// Tells requests that our own pages make from those that another site has a browser make. By what browsers say of it
/// (Fetch Metadata; Origin for those that do not send it), never by what is only absent. Thread-safe.
/// </summary>
internal sealed class CrossSite(SiloOptions options)
{
    /// <summary>The header that our pages send with what changes something: no other site's form or link can.</summary>
    public const string Header = "Jit-Page";

    private readonly string? own = options.PublicUrl?.GetLeftPart(UriPartial.Authority);

    /// <summary>Whether a request whose method changes something comes from a page of ours.</summary>
    public bool IsOwnPage(HttpRequest request) =>
        request.Headers.TryGetValue("Sec-Fetch-Site", out var site) ? site == "same-origin" && IsOwnOrigin(request.Headers.Origin, otherwise: true) : IsOwnOrigin(request.Headers.Origin, otherwise: false);

    /// <summary>The same for calls of the API, which also carry <see cref="Header"/>.</summary>
    public bool IsOwnCall(HttpRequest request) => request.Headers.ContainsKey(Header) && IsOwnPage(request);

    private bool IsOwnOrigin(StringValues origin, bool otherwise) => origin.Count == 0 ? otherwise : own is not null && origin == own;
}
