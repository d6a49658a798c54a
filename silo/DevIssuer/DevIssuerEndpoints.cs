using System.Buffers.Text;
using JitGrains.Identity;
using JitGrains.Limits;
using JitGrains.Silo.Limits;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace JitGrains.Silo.DevIssuer;

/// <summary>The development issuer's endpoints: OpenID Connect discovery, keys (RFC 7517), client credentials (RFC 6749, section 4.4).</summary>
internal static class DevIssuerEndpoints
{
    private const int MaxBody = 8 * 1024;
    private const int MaxActors = 5;
    private static readonly string[] GrantTypes = ["client_credentials"];
    private static readonly string[] SubjectTypes = ["public"];
    private static readonly string[] Algorithms = ["ES256"];
    private static readonly string[] AuthenticationMethods = ["client_secret_post"];

    public static void Map(IEndpointRouteBuilder endpoints, DevelopmentIssuer issuer, TimeProvider time, IIdGenerator ids, Limiting? limiting = null)
    {
        var group = endpoints.MapGroup(issuer.Path).ExcludeFromDescription();
        group.MapGet("/.well-known/openid-configuration", () => Results.Json(new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            ["issuer"] = issuer.Issuer,
            ["jwks_uri"] = issuer.Issuer + "/jwks",
            ["token_endpoint"] = issuer.Issuer + "/token",
            ["grant_types_supported"] = GrantTypes,
            ["response_types_supported"] = Array.Empty<string>(),
            ["subject_types_supported"] = SubjectTypes,
            ["id_token_signing_alg_values_supported"] = Algorithms,
            ["token_endpoint_auth_methods_supported"] = AuthenticationMethods,
        }));
        group.MapGet("/jwks", () => Results.Json(new { keys = new[] { Jwk(issuer) } }));
        group.MapPost("/token", async (HttpContext http, CancellationToken cancellation) => await TokenAsync(http, issuer, limiting, time, ids, cancellation));
    }

    private static Dictionary<string, string> Jwk(DevelopmentIssuer issuer)
    {
        var point = issuer.Key.ExportParameters(includePrivateParameters: false).Q;
        return new(StringComparer.Ordinal)
        {
            ["kty"] = "EC",
            ["crv"] = "P-256",
            ["use"] = "sig",
            ["alg"] = "ES256",
            ["kid"] = issuer.KeyId,
            ["x"] = Base64Url.EncodeToString(point.X),
            ["y"] = Base64Url.EncodeToString(point.Y),
        };
    }

    private static async Task<IResult> TokenAsync(HttpContext http, DevelopmentIssuer issuer, Limiting? limiting, TimeProvider time, IIdGenerator ids, CancellationToken cancellation)
    {
        if (limiting?.Take(LimitSubject.TokenCalls, http, null) is { } limited)
            return limited;
        http.Response.Headers.CacheControl = "no-store";
        if (!http.Request.HasFormContentType || http.Request.ContentType!.StartsWith("multipart/", StringComparison.OrdinalIgnoreCase))
            return Error("invalid_request", "The body is application/x-www-form-urlencoded.");
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = MaxBody;

        IFormCollection form;
        try
        {
            form = await http.Request.ReadFormAsync(new FormOptions { ValueCountLimit = 16, KeyLengthLimit = 64, ValueLengthLimit = 1024 }, cancellation);
        }
        catch (Exception e) when (e is InvalidDataException or BadHttpRequestException)
        {
            return Error("invalid_request", "The form is malformed or too large.");
        }

        if (form.FirstOrDefault(f => f.Key != "act" && f.Value.Count > 1) is { Key: not null } twice)
            return Error("invalid_request", "A parameter is given more than once.");
        if (form["grant_type"] != "client_credentials")
            return Error("unsupported_grant_type", "grant_type is client_credentials.");
        // Both are looked at before either is refused, so that the answer tells nothing of which names exist.
        var known = DevelopmentIssuer.GroupOf.ContainsKey(form["client_id"].ToString());
        if (!issuer.ClientSecret.Matches(form["client_secret"].ToString()) || !known)
            return Error("invalid_client", "The client is unknown, or its secret is wrong.", StatusCodes.Status401Unauthorized);
        if (!TryActors(form["act"]!, out var actors))
            return Error("invalid_request", $"act is kind:name, such as agent:triage-bot; at most {MaxActors} of them.");

        return Results.Json(new Dictionary<string, object>(StringComparer.Ordinal)
        {
            ["access_token"] = DevTokens.Make(issuer, form["client_id"].ToString(), actors, time.GetUtcNow(), ids),
            ["token_type"] = "Bearer",
            ["expires_in"] = (int)DevTokens.Lifetime.TotalSeconds,
        });
    }

    private static bool TryActors(IReadOnlyList<string> values, out List<(string Kind, string Name)> actors)
    {
        actors = [];
        foreach (var value in values)
        {
            if (actors.Count == MaxActors || !PrincipalId.TryParse(value, DevelopmentIssuer.Realm, out var id, out _) || id.Realm != DevelopmentIssuer.Realm || !SafeText.IsKnownKind(id.Kind))
                return false;
            actors.Add((id.Kind, id.Name));
        }

        return true;
    }

    private static IResult Error(string error, string description, int status = StatusCodes.Status400BadRequest) =>
        Results.Json(new Dictionary<string, string>(StringComparer.Ordinal) { ["error"] = error, ["error_description"] = description }, statusCode: status);
}
