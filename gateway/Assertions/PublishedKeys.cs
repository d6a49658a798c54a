using System.Buffers.Text;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using JitGrains.Assertions;

namespace JitGrains.Gateway.Assertions;

/// <summary><c>GET /.jit/jwks</c>: the public keys of assertions (JWK set, RFC 7517), for anybody. Thread-safe.</summary>
internal sealed class PublishedKeys(AssertionKeys keys)
{
    /// <summary>How long they may be kept, in seconds: a sixth of the least time for which a key is published before it signs.</summary>
    public const int MaxAge = 300;

    public async Task Answer(HttpContext context)
    {
        var published = await keys.Published();
        var body = JsonSerializer.SerializeToUtf8Bytes(SetOf(published));
        var tag = $"\"{Base64Url.EncodeToString(SHA256.HashData(body).AsSpan(0, 12))}\"";
        var response = context.Response;
        // None is not for keeping: the first key signs as soon as it is there.
        response.Headers.CacheControl = published.IsEmpty ? "no-store" : $"public, max-age={MaxAge}";
        response.Headers.ETag = tag;
        if (context.Request.Headers.IfNoneMatch.ToString().Contains(tag, StringComparison.Ordinal))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        response.ContentType = "application/jwk-set+json";
        response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
            await response.Body.WriteAsync(body, context.RequestAborted);
    }

    private static JsonObject SetOf(ImmutableArray<AssertionKey> published) => new()
    {
        ["keys"] = new JsonArray([.. published.Select(k => new JsonObject
        {
            ["kty"] = "EC",
            ["crv"] = "P-256",
            ["use"] = "sig",
            ["alg"] = "ES256",
            ["kid"] = k.KeyId,
            ["x"] = k.X,
            ["y"] = k.Y,
        })]),
    };
}
