using JitGrains.Policy;
using Microsoft.Net.Http.Headers;

namespace JitGrains.Gateway.RequestPath;

/// <summary>The Fetch standard's CORS protocol, spoken by the gateway for an API. Stateless.</summary>
internal static class Cors
{
    private const string OurRequestHeaders = "Authorization, Content-Type, Prefer, Idempotency-Key, Jit-Reason, Jit-Request, Jit-Ticket";
    private const string OurResponseHeaders = "Jit-Decision, Jit-Request, Retry-After, Proxy-Status, WWW-Authenticate, Location";

    /// <summary>The call's origin if the API admits it; null otherwise, and where the call names no single origin.</summary>
    public static string? AllowedOrigin(IHeaderDictionary request, CorsDefinition? cors) =>
        cors is not null && request.Origin is [{ } origin] && cors.Origins.Contains(origin, StringComparer.Ordinal) ? origin : null;

    /// <summary>Whether this is a preflight: the browser asking, with no token, before it sends the call itself.</summary>
    public static bool IsPreflight(HttpRequest request) =>
        HttpMethods.IsOptions(request.Method) && request.Headers.Origin.Count > 0 && request.Headers.AccessControlRequestMethod.Count > 0;

    /// <summary>Answers a preflight. Which methods exist is told, whether this caller may use them is not.</summary>
    public static void AnswerPreflight(HttpContext context, ApiDefinition api)
    {
        var headers = context.Response.Headers;
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        var cors = api.Cors!;
        Apply(headers, cors, AllowedOrigin(context.Request.Headers, cors));
        if (headers.AccessControlAllowOrigin.Count == 0)
            return;
        headers.Remove(HeaderNames.AccessControlExposeHeaders);
        headers.AccessControlAllowMethods = string.Join(", ", api.Actions.SelectMany(a => a.Methods).Distinct(StringComparer.Ordinal));
        headers.AccessControlAllowHeaders = Join(OurRequestHeaders, cors.AllowedHeaders);
        headers.AccessControlMaxAge = ((long)cors.MaxAge.TotalSeconds).ToString();
    }

    /// <summary>Sets the response headers, in place of whatever an upstream set.</summary>
    public static void Apply(IHeaderDictionary response, CorsDefinition cors, string? allowedOrigin)
    {
        response.Remove(HeaderNames.AccessControlAllowOrigin);
        response.Remove(HeaderNames.AccessControlAllowCredentials);
        response.Remove(HeaderNames.AccessControlExposeHeaders);
        response.Append(HeaderNames.Vary, HeaderNames.Origin);
        if (allowedOrigin is null)
            return;
        response.AccessControlAllowOrigin = allowedOrigin;
        response.AccessControlExposeHeaders = Join(OurResponseHeaders, cors.ExposedHeaders);
        if (cors.AllowCredentials)
            response.AccessControlAllowCredentials = "true";
    }

    private static string Join(string ours, IEnumerable<string> more) => string.Join(", ", more.Prepend(ours));
}
