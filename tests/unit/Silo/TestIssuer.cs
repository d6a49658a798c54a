using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace JitGrains.UnitTests.Silo;

/// <summary>A token issuer on loopback: discovery and keys over real HTTP, tokens in any shape that a test wants.</summary>
internal sealed class TestIssuer : IAsyncDisposable
{
    private readonly WebApplication app;
    private int fetches;

    private TestIssuer(WebApplication app) => this.app = app;

    public string Issuer { get; private set; } = "";

    /// <summary>What discovery says the issuer is; the truth unless a test says otherwise.</summary>
    public string? ClaimedIssuer { get; set; }

    public ECDsa Key { get; private set; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public string KeyId { get; set; } = "k1";

    public string? JwkAlgorithm { get; set; }

    public bool Down { get; set; }

    /// <summary>What the token endpoint answers to a form; nothing but errors unless a test says otherwise.</summary>
    public Func<IFormCollection, object?> Token { get; set; } = static _ => null;

    public int Fetches => Volatile.Read(ref fetches);

    public static async Task<TestIssuer> StartAsync(string path = "")
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var web = builder.Build();
        var issuer = new TestIssuer(web);
        web.MapGet(path + "/.well-known/openid-configuration", () => issuer.Down
            ? Results.StatusCode(503)
            : Results.Json(new { issuer = issuer.ClaimedIssuer ?? issuer.Issuer, jwks_uri = issuer.Issuer + "/jwks", authorization_endpoint = issuer.Issuer + "/auth", token_endpoint = issuer.Issuer + "/token", authorization_response_iss_parameter_supported = true }));
        web.MapPost(path + "/token", async (HttpContext http) => issuer.Token(await http.Request.ReadFormAsync()) is { } answer ? Results.Json(answer) : Results.Json(new { error = "invalid_grant" }, statusCode: 400));
        web.MapGet(path + "/jwks", () =>
        {
            Interlocked.Increment(ref issuer.fetches);
            return Results.Text(issuer.Jwks(), "application/json");
        });
        await web.StartAsync();
        issuer.Issuer = web.Urls.Single() + path;
        return issuer;
    }

    public void RotateKey(string keyId)
    {
        Key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        KeyId = keyId;
    }

    public JsonObject Claims(DateTimeOffset now) => new()
    {
        ["iss"] = Issuer,
        ["aud"] = "jitgrains",
        ["sub"] = "alice",
        ["groups"] = new JsonArray("engineering"),
        ["iat"] = now.ToUnixTimeSeconds(),
        ["nbf"] = now.ToUnixTimeSeconds(),
        ["exp"] = now.AddHours(1).ToUnixTimeSeconds(),
    };

    public JsonObject Header() => new() { ["alg"] = "ES256", ["typ"] = "JWT", ["kid"] = KeyId };

    public string Sign(JsonNode claims, JsonNode? header = null) => Sign(claims.ToJsonString(), (header ?? Header()).ToJsonString());

    public string Sign(string claims, string header)
    {
        var signed = $"{Encode(header)}.{Encode(claims)}";
        return $"{signed}.{Base64Url.EncodeToString(Key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256))}";
    }

    public static string Encode(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        Key.Dispose();
    }

    private string Jwks()
    {
        var q = Key.ExportParameters(false).Q;
        var key = new Dictionary<string, string?>
        {
            ["kty"] = "EC",
            ["crv"] = "P-256",
            ["use"] = "sig",
            ["kid"] = KeyId,
            ["x"] = Base64Url.EncodeToString(q.X),
            ["y"] = Base64Url.EncodeToString(q.Y),
        };
        if (JwkAlgorithm is not null)
            key["alg"] = JwkAlgorithm;
        return JsonSerializer.Serialize(new { keys = new[] { key } });
    }
}
