using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace JitGrains.ClusterTests.Wire;

/// <summary>The token issuer of a run: discovery and keys over HTTP, tokens that outlast it.</summary>
internal sealed class Issuer : IAsyncDisposable
{
    public const string Audience = "jitgrains";
    private const string KeyId = "k1";

    private readonly WebApplication web;
    private readonly ConcurrentDictionary<string, (string Name, string[] Groups, string Nonce, string Challenge)> codes = new(StringComparer.Ordinal);
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    private Issuer(WebApplication web) => this.web = web;

    public string Address => web.Urls.Single();

    public static async Task<Issuer> Start()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var issuer = new Issuer(app);
        app.MapGet("/.well-known/openid-configuration", () => Results.Json(new
        {
            issuer = issuer.Address,
            jwks_uri = issuer.Address + "/jwks",
            authorization_endpoint = issuer.Address + "/authorize",
            token_endpoint = issuer.Address + "/token",
        }));
        app.MapPost("/token", async (HttpRequest request) => issuer.Redeem(await request.ReadFormAsync()));
        app.MapGet("/jwks", () => Results.Text(issuer.Keys(), "application/json"));
        await app.StartAsync();
        return issuer;
    }

    /// <summary>A token for somebody in these groups; also good for processes whose clock is minutes off.</summary>
    public string Token(string name, params string[] groups) => Sign(name, Audience, groups, null);

    /// <summary>A code for somebody who has signed in here, by what the authorization request said (OpenID Connect, RFC 7636).</summary>
    public string Code(string name, string[] groups, string nonce, string challenge)
    {
        var code = Guid.NewGuid().ToString("N");
        codes[code] = (name, groups, nonce, challenge);
        return code;
    }

    private IResult Redeem(IFormCollection form)
    {
        if (!codes.TryRemove(form["code"].ToString(), out var known)
            || Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(form["code_verifier"].ToString()))) != known.Challenge)
        {
            return Results.Json(new { error = "invalid_grant" }, statusCode: 400);
        }

        return Results.Json(new { id_token = Sign(known.Name, form["client_id"].ToString(), known.Groups, known.Nonce), token_type = "Bearer", access_token = "none" });
    }

    private string Sign(string name, string audience, string[] groups, string? nonce)
    {
        var now = Clock.Now;
        var claims = new JsonObject
        {
            ["iss"] = Address,
            ["aud"] = audience,
            ["sub"] = name,
            ["groups"] = new JsonArray([.. groups.Select(g => JsonValue.Create(g))]),
            ["iat"] = now.AddHours(-1).ToUnixTimeSeconds(),
            ["nbf"] = now.AddHours(-1).ToUnixTimeSeconds(),
            ["exp"] = now.AddHours(8).ToUnixTimeSeconds(),
        };
        if (nonce is not null)
            claims["nonce"] = nonce;
        var header = new JsonObject { ["alg"] = "ES256", ["typ"] = "JWT", ["kid"] = KeyId };
        var signed = $"{Encode(header)}.{Encode(claims)}";
        return $"{signed}.{Base64Url.EncodeToString(key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256))}";
    }

    public async ValueTask DisposeAsync()
    {
        await web.DisposeAsync();
        key.Dispose();
    }

    private static string Encode(JsonNode json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json.ToJsonString()));

    private string Keys()
    {
        var q = key.ExportParameters(includePrivateParameters: false).Q;
        return JsonSerializer.Serialize(new
        {
            keys = new[] { new { kty = "EC", crv = "P-256", use = "sig", kid = KeyId, x = Base64Url.EncodeToString(q.X), y = Base64Url.EncodeToString(q.Y) } },
        });
    }
}
