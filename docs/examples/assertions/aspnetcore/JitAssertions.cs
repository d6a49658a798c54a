using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Tokens;

namespace Orders;

/// <summary>Checks the signed assertion that JitGrains sends with every call.</summary>
/// <param name="jwks">Where the gateway publishes its keys: <c>/.jit/jwks</c>.</param>
/// <param name="audience">The API's name in the policy.</param>
internal sealed class JitAssertions(string jwks, string audience)
{
    private readonly JsonWebTokenHandler handler = new() { MapInboundClaims = false };

    // Fetches the keys, keeps them, and fetches them again when asked to. In production keep https required.
    private readonly ConfigurationManager<JsonWebKeySet> keys = new(jwks, new KeySetReader(), new HttpDocumentRetriever { RequireHttps = false });

    /// <summary>What the gateway says of the call; null where it says nothing that can be believed.</summary>
    public async Task<JsonElement?> VerifyAsync(HttpRequest request)
    {
        var token = request.Headers["Jit-Assertion"].ToString();
        var result = await ValidateAsync(token, request.HttpContext.RequestAborted);
        if (result.Exception is SecurityTokenSignatureKeyNotFoundException)
        {
            keys.RequestRefresh();
            result = await ValidateAsync(token, request.HttpContext.RequestAborted);
        }

        if (result is not { IsValid: true, SecurityToken: JsonWebToken assertion })
            return null;
        var claims = JsonSerializer.Deserialize<JsonElement>(Base64Url.DecodeFromChars(assertion.EncodedPayload));
        return await IsForAsync(request, claims.GetProperty("request_digest")) ? claims : null;
    }

    private async Task<TokenValidationResult> ValidateAsync(string token, CancellationToken cancellation) =>
        await handler.ValidateTokenAsync(token, new TokenValidationParameters
        {
            ValidIssuer = "jitgrains",
            ValidAudience = audience,
            ValidAlgorithms = ["ES256"],
            ValidTypes = ["jit-assertion+jwt"],
            IssuerSigningKeys = (await keys.GetConfigurationAsync(cancellation)).GetSigningKeys(),
            ClockSkew = TimeSpan.FromSeconds(5),
        });

    /// <summary>It is for this call and no other.</summary>
    private static async Task<bool> IsForAsync(HttpRequest request, JsonElement digest)
    {
        var target = request.HttpContext.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (digest.GetProperty("line").GetString() != Sha256(Encoding.Latin1.GetBytes($"{request.Method} {target}")))
            return false;
        if (!digest.TryGetProperty("body", out var expected))
            return true;
        request.EnableBuffering();
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body);
        request.Body.Position = 0;
        return expected.GetString() == Sha256(body.ToArray());
    }

    private static string Sha256(byte[] data) => Base64Url.EncodeToString(SHA256.HashData(data));

    private sealed class KeySetReader : IConfigurationRetriever<JsonWebKeySet>
    {
        public async Task<JsonWebKeySet> GetConfigurationAsync(string address, IDocumentRetriever retriever, CancellationToken cancel) =>
            new(await retriever.GetDocumentAsync(address, cancel));
    }
}
