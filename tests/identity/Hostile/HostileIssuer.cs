using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace JitGrains.IdentityTests.Hostile;

/// <summary>An issuer that is trusted, with keys of several kinds: good ones, and some that must not be used. Thread-safe.</summary>
internal sealed class HostileIssuer : IAsyncDisposable
{
    private readonly WebApplication web;
    private readonly ECDsa p384 = ECDsa.Create(ECCurve.NamedCurves.nistP384);
    private readonly RSA weak = RSA.Create(1024);
    private readonly ECDsa forEncryption = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private int fetches;

    private HostileIssuer(WebApplication web) => this.web = web;

    public string Issuer => web.Urls.Single();

    public ECDsa Ec { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public RSA Rsa { get; } = RSA.Create(2048);

    /// <summary>A secret that it publishes by mistake, as a key of the kind <c>oct</c>.</summary>
    public byte[] Oct { get; } = RandomNumberGenerator.GetBytes(32);

    /// <summary>How often somebody came for its keys.</summary>
    public int Fetches => Volatile.Read(ref fetches);

    public static async Task<HostileIssuer> Start()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var issuer = new HostileIssuer(app);
        app.MapGet("/.well-known/openid-configuration", () => Results.Json(new { issuer = issuer.Issuer, jwks_uri = issuer.Issuer + "/jwks" }));
        app.MapGet("/jwks", () =>
        {
            Interlocked.Increment(ref issuer.fetches);
            return Results.Text(issuer.Jwks(), "application/json");
        });
        await app.StartAsync();
        return issuer;
    }

    /// <summary>Signs as the header's <c>alg</c> and <c>kid</c> say.</summary>
    public byte[] Sign(string algorithm, string? keyId, byte[] signed) => (algorithm, keyId) switch
    {
        (_, "weak") => weak.SignData(signed, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
        (_, "enc") => forEncryption.SignData(signed, HashAlgorithmName.SHA256),
        (_, "p384") => p384.SignData(signed, algorithm == "ES256" ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA384),
        ("RS256", _) => Rsa.SignData(signed, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
        ("RS512", _) => Rsa.SignData(signed, HashAlgorithmName.SHA512, RSASignaturePadding.Pkcs1),
        ("PS256", _) => Rsa.SignData(signed, HashAlgorithmName.SHA256, RSASignaturePadding.Pss),
        _ => Ec.SignData(signed, HashAlgorithmName.SHA256),
    };

    public static JsonObject Jwk(ECDsa key, string? keyId = null)
    {
        var q = key.ExportParameters(false).Q;
        var jwk = new JsonObject { ["kty"] = "EC", ["crv"] = q.X!.Length == 48 ? "P-384" : "P-256", ["x"] = Base64Url.EncodeToString(q.X), ["y"] = Base64Url.EncodeToString(q.Y) };
        if (keyId is not null)
            jwk["kid"] = keyId;
        return jwk;
    }

    public async ValueTask DisposeAsync()
    {
        await web.DisposeAsync();
        foreach (var key in new AsymmetricAlgorithm[] { Ec, Rsa, p384, weak, forEncryption })
            key.Dispose();
    }

    private string Jwks()
    {
        var enc = Jwk(forEncryption, "enc");
        enc["use"] = "enc";
        return new JsonObject
        {
            ["keys"] = new JsonArray(
                Jwk(Ec, "ec1"), Jwk(Rsa, "rsa1"), Jwk(p384, "p384"), Jwk(weak, "weak"), enc,
                new JsonObject { ["kty"] = "oct", ["kid"] = "oct1", ["k"] = Base64Url.EncodeToString(Oct) }),
        }.ToJsonString();
    }

    private static JsonObject Jwk(RSA key, string keyId)
    {
        var p = key.ExportParameters(false);
        return new JsonObject { ["kty"] = "RSA", ["kid"] = keyId, ["n"] = Base64Url.EncodeToString(p.Modulus), ["e"] = Base64Url.EncodeToString(p.Exponent) };
    }
}
