using JitGrains.Identity;
using JitGrains.Policy;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace JitGrains.Silo.Identity;

/// <summary>
/// All that a call presents to show who makes it: headers as they came, the connection's certificate, and what proofs of
/// possession name (method and address). Nothing is worked out before somebody asks for it. Immutable.
/// </summary>
public readonly struct Credentials
{
    private readonly HttpRequest? request;
    private readonly string? url;

    /// <summary>What a call outside of HTTP presents: tests, and tools.</summary>
    /// <param name="authorization">Every value of the Authorization header.</param>
    /// <param name="proof">Every value of the DPoP header.</param>
    /// <param name="certificate">The client certificate, if there is one.</param>
    /// <param name="method">The method.</param>
    /// <param name="url">The address, without query.</param>
    public Credentials(StringValues authorization, StringValues proof = default, PresentedCertificate? certificate = null, string method = "GET", string url = "")
    {
        (Authorization, Proof, Certificate, Method, this.url) = (authorization, proof, certificate, method, url);
    }

    private Credentials(HttpRequest request, StringValues authorization)
    {
        this.request = request;
        Authorization = authorization;
        Proof = request.Headers["DPoP"];
        // Features that are not the server's own are looked for slowly, and without https there is none.
        Certificate = CertificateOf(request.HttpContext);
        Method = request.Method;
    }

    /// <summary>Every value of the Authorization header.</summary>
    public StringValues Authorization { get; }

    /// <summary>Every value of the DPoP header (RFC 9449).</summary>
    public StringValues Proof { get; }

    /// <summary>The connection's client certificate, if it has one.</summary>
    public PresentedCertificate? Certificate { get; }

    /// <summary>The method, as sent.</summary>
    public string Method { get; }

    /// <summary>
    /// Whether the token is what the request is about, and not who makes it: its proof then needs to name no token, and there is no scheme
    /// that would say whether one is there (RFC 9449, section 5).
    /// </summary>
    public bool IsTokenRequest { get; init; }

    /// <summary>The API that is called, which may have audiences of its own; null where none is meant.</summary>
    public ApiDefinition? Api { get; init; }

    /// <summary>What a request presents.</summary>
    /// <param name="context">The request.</param>
    /// <param name="api">The API that it calls, or null.</param>
    public static Credentials Of(HttpContext context, ApiDefinition? api = null) => new(context.Request, context.Request.Headers.Authorization) { Api = api };

    /// <summary>The client certificate of a request's connection, for the conditions of rules. To be asked once the credentials were checked.</summary>
    public static DeviceCertificate DeviceOf(HttpContext context) => CertificateOf(context)?.Device ?? DeviceCertificate.None;

    /// <summary>What a request for a token presents, along with the token that it would exchange.</summary>
    public static Credentials OfTokenRequest(HttpContext context, string token) => new(context.Request, "Bearer " + token) { IsTokenRequest = true };

    /// <summary>The address that the caller used, without query: scheme, authority and path as sent. Put together anew at each call.</summary>
    public string Url()
    {
        if (request is null)
            return url ?? "";
        var target = request.HttpContext.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()?.RawTarget ?? "";
        var end = target.IndexOf('?', StringComparison.Ordinal);
        var path = end < 0 ? target : target[..end];
        return path.StartsWith('/') ? $"{request.Scheme}://{request.Host.Value}{path}" : path;
    }

    private static PresentedCertificate? CertificateOf(HttpContext context) => context.Request.IsHttps ? context.Features.Get<PresentedCertificate>() : null;
}
