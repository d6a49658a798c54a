using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using JitGrains.Policy;
using JitGrains.Silo;
using JitGrains.Silo.Identity;
using JitGrains.TestSupport;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Primitives;

namespace JitGrains.UnitTests.Silo;

/// <summary>What was verified for one API, configuration or key is not served for another.</summary>
public sealed class TokenCacheTests : IAsyncLifetime
{
    private readonly ManualTime time = new();
    private readonly ECDsa keyA = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ECDsa keyB = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly TestAuthority authority = TestAuthority.Make("Fleet");
    private TestIssuer issuer = null!;
    private TokenValidator validator = null!;

    public async Task InitializeAsync()
    {
        issuer = await TestIssuer.StartAsync();
        validator = new TokenValidator([Options("jitgrains", "orders", "billing")], time, NullLogger<TokenValidator>.Instance);
    }

    public async Task DisposeAsync()
    {
        validator.Dispose();
        await issuer.DisposeAsync();
        keyA.Dispose();
        keyB.Dispose();
        authority.Dispose();
    }

    [Fact]
    public async Task An_API_with_audiences_of_its_own_takes_no_token_for_another_however_often_that_was_good_elsewhere()
    {
        var forOrders = Token("orders");
        var forBoth = Token("billing", "orders");
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("valid", await Check(forOrders));
            Assert.Equal("valid", await Check(forOrders, Api("orders", "orders", "orders-v2")));
            Assert.Equal(TokenCodes.Audience, await Check(forOrders, Api("billing", "billing")));
            Assert.Equal("valid", await Check(forBoth, Api("billing", "billing")));
            Assert.Equal("valid", await Check(forBoth, Api("orders", "orders")));
            // Where policy changes what an API wants, what was verified before does not count.
            Assert.Equal(TokenCodes.Audience, await Check(forOrders, Api("orders", "orders-v2")));
        }

        // An API without audiences of its own has nothing that a token would have to be verified for anew.
        var before = validator.CachedTokens;
        Assert.Equal("valid", await Check(forOrders, Api("free")));
        Assert.Equal(before, validator.CachedTokens);
        // What the issuer's settings refuse no API takes.
        Assert.Equal(TokenCodes.Audience, await Check(Token("elsewhere"), Api("elsewhere", "elsewhere")));
    }

    [Fact]
    public async Task What_one_configuration_accepted_another_checks_for_itself()
    {
        var token = Token("orders");
        Assert.Equal("valid", await Check(token));
        Assert.Equal("valid", await Check(token));
        Assert.Equal(1, validator.CachedTokens);
        validator.Trust(Options("billing"));
        Assert.Equal(TokenCodes.Audience, await Check(token));
        Assert.Equal("valid", await Check(Token("billing")));
        validator.Trust(Options("billing") with { RequiredClaims = [new RequiredClaim { Claim = "tenant" }] });
        Assert.Equal(TokenCodes.Required, await Check(Token("billing")));
        validator.Trust(Options("orders"));
        Assert.Equal("valid", await Check(token));
        Assert.Throws<StartupException>(() => validator.Trust(Options("orders") with { Issuer = "https://issuer.example.com" }));
        Assert.Equal("valid", await Check(token));
    }

    [Fact]
    public async Task A_token_that_is_bound_to_one_key_is_refused_with_another_however_often_it_was_good_with_its_own()
    {
        var bound = Token(new JsonObject { ["jkt"] = Thumbprint(keyA) }, "orders");
        // What the first keys of an issuer verify is not kept: keys have changed meanwhile.
        Assert.Equal("valid", await CheckDpop(bound, keyA));
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("valid", await CheckDpop(bound, keyA));
            Assert.Equal(PossessionCodes.ProofKey, await CheckDpop(bound, keyB));
            Assert.Equal(PossessionCodes.ProofMissing, await Check(bound));
            Assert.Equal(1, validator.CachedTokens);
        }
    }

    [Fact]
    public async Task A_token_that_is_bound_to_one_certificate_is_refused_with_another_however_often_it_was_good_with_its_own()
    {
        using var own = authority.Client(["dns:a.example.com"]);
        using var other = authority.Client(["dns:a.example.com"]);
        var (a, b) = (new PresentedCertificate(own), new PresentedCertificate(other));
        var bound = Token(new JsonObject { ["x5t#S256"] = a.Thumbprint }, "orders");
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("valid", await Check(bound, certificate: a));
            // The same certificate over another connection.
            Assert.Equal("valid", await Check(bound, certificate: new PresentedCertificate(own)));
            Assert.Equal(PossessionCodes.CertificateMismatch, await Check(bound, certificate: b));
            Assert.Equal(PossessionCodes.CertificateMissing, await Check(bound));
            Assert.Equal(1, validator.CachedTokens);
        }
    }

    [Fact]
    public async Task What_a_token_shows_of_the_device_is_by_the_issuers_settings_and_by_what_is_proved()
    {
        validator.Trust(Options("orders") with { DeviceClaims = new Dictionary<string, string> { ["compliant"] = "/device/compliant", ["os"] = "device_os" } });
        var claims = issuer.Claims(time.GetUtcNow());
        claims["aud"] = "orders";
        claims["device"] = JsonNode.Parse("""{"compliant": true}""");
        claims["compliant"] = "whatever a user may have put there";
        claims["cnf"] = new JsonObject { ["jkt"] = Thumbprint(keyA) };
        for (var i = 0; i < 2; i++)
        {
            var device = (await ResultOf(issuer.Sign(claims), keyA)).Caller.Device!;
            Assert.Equal("true", Assert.Single(device.Claims).Value.GetRawText());
            Assert.Equal((null, Thumbprint(keyA)), (device.Certificate, device.ProofKey));
        }
    }

    [Fact]
    public async Task What_needs_no_key_to_be_refused_asks_no_issuer_and_what_names_unknown_keys_asks_once()
    {
        string Signed(string header, string? claims = null) => issuer.Sign(claims ?? issuer.Claims(time.GetUtcNow()).ToJsonString(), header);
        var elsewhere = issuer.Claims(time.GetUtcNow());
        elsewhere["iss"] = "https://issuer.example.com";
        (string Token, string Code)[] early =
        [
            (new string('a', TokenValidator.MaxTokenLength + 1), TokenCodes.TooLarge),
            ("a.b", TokenCodes.Malformed),
            ("a.b.c.d", TokenCodes.Malformed),
            (Signed("""{"alg":"ES256","kid":"k1","crit":["x"]}"""), TokenCodes.Malformed),
            (Signed("""{"alg":"ES256","kid":"k1"}""", """{"iss":"a","iss":"b"}"""), TokenCodes.Malformed),
            (Signed("""{"alg":"ES256","kid":"k1"}""", elsewhere.ToJsonString()), TokenCodes.Issuer),
            (Signed("""{"alg":"ES256","kid":"k1","typ":"dpop+jwt"}"""), TokenCodes.Type),
            (Signed("""{"alg":"none","kid":"k1"}"""), TokenCodes.Algorithm),
            (Signed("""{"alg":"HS256","kid":"k1"}"""), TokenCodes.Algorithm),
            (Signed("""{"alg":"ES512","kid":"k1"}"""), TokenCodes.Algorithm),
        ];
        foreach (var (token, code) in early)
            Assert.Equal(code, await Check(token));
        Assert.Equal(0, issuer.Fetches);

        // The first look for keys, and not one more for all those that nobody has; nothing of it is remembered.
        var refused = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Check(Signed($$"""{"alg":"ES256","kid":"made-up-{{i}}"}"""))));
        Assert.All(refused, code => Assert.Equal(TokenCodes.Key, code));
        Assert.Equal(1, issuer.Fetches);
        Assert.Equal(0, validator.CachedTokens);
    }

    [Fact]
    public async Task What_is_too_large_is_refused_before_any_of_it_is_read()
    {
        // Neither is copied or taken apart: what is allocated has nothing to do with how long they are.
        var token = new StringValues("Bearer " + new string('a', 1_000_000));
        var proof = new StringValues(new string('a', 1_000_000));
        var bound = "DPoP " + Token(new JsonObject { ["jkt"] = Thumbprint(keyA) }, "orders");
        Assert.Equal(PossessionCodes.ProofInvalid, CodeOf(await validator.ValidateAsync(new Credentials(bound, proof, null, "GET", Url), time.GetUtcNow(), CancellationToken.None)));
        var least = long.MaxValue;
        for (var round = 0; round < 5; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            Assert.Equal(TokenCodes.TooLarge, CodeOf(await validator.ValidateAsync(new Credentials(token), time.GetUtcNow(), CancellationToken.None)));
            Assert.Null(Possession.ProofOf(new Credentials(bound, proof, null, "GET", Url)));
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.InRange(least, 0, 4096);
    }

    private async Task<TokenResult.Valid> ResultOf(string token, ECDsa key) =>
        Assert.IsType<TokenResult.Valid>(await validator.ValidateAsync(new Credentials($"DPoP {token}", Proof(token, key), null, "GET", Url), time.GetUtcNow(), CancellationToken.None));

    private const string Url = "https://api.example.com/orders";

    private int proofs;

    private IssuerOptions Options(params string[] audiences) => new() { Realm = "dev", Issuer = issuer.Issuer, Audiences = audiences };

    private static ApiDefinition Api(string name, params string[] audiences) => new()
    {
        Name = name,
        Upstreams = [],
        Audiences = [.. audiences],
        AudienceKey = audiences.Length == 0 ? null : $"{name}\n{string.Join('\n', audiences)}",
    };

    private string Token(params string[] audiences) => Token(null, audiences);

    private string Token(JsonObject? cnf, params string[] audiences)
    {
        var claims = issuer.Claims(time.GetUtcNow());
        claims["aud"] = audiences.Length == 1 ? audiences[0] : new JsonArray([.. audiences.Select(a => (JsonNode)a)]);
        if (cnf is not null)
            claims["cnf"] = cnf;
        return issuer.Sign(claims);
    }

    private async Task<string> Check(string token, ApiDefinition? api = null, PresentedCertificate? certificate = null) =>
        CodeOf(await validator.ValidateAsync(new Credentials($"Bearer {token}", certificate: certificate) { Api = api }, time.GetUtcNow(), CancellationToken.None));

    private async Task<string> CheckDpop(string token, ECDsa key) =>
        CodeOf(await validator.ValidateAsync(new Credentials($"DPoP {token}", Proof(token, key), null, "GET", Url), time.GetUtcNow(), CancellationToken.None));

    private static string CodeOf(TokenResult result) => result switch
    {
        TokenResult.Invalid invalid => invalid.Code,
        TokenResult.Valid => "valid",
        _ => "unavailable",
    };

    private static (string X, string Y) PointOf(ECDsa key)
    {
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        return (Base64Url.EncodeToString(point.X), Base64Url.EncodeToString(point.Y));
    }

    private static string Thumbprint(ECDsa key)
    {
        var (x, y) = PointOf(key);
        return Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes($$"""{"crv":"P-256","kty":"EC","x":"{{x}}","y":"{{y}}"}""")));
    }

    private string Proof(string token, ECDsa key)
    {
        var (x, y) = PointOf(key);
        var header = new JsonObject { ["typ"] = "dpop+jwt", ["alg"] = "ES256", ["jwk"] = new JsonObject { ["kty"] = "EC", ["crv"] = "P-256", ["x"] = x, ["y"] = y } };
        var body = new JsonObject
        {
            ["jti"] = $"proof-{Interlocked.Increment(ref proofs)}", ["htm"] = "GET", ["htu"] = Url, ["iat"] = time.GetUtcNow().ToUnixTimeSeconds(),
            ["ath"] = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(token))),
        };
        var signed = $"{TestIssuer.Encode(header.ToJsonString())}.{TestIssuer.Encode(body.ToJsonString())}";
        return $"{signed}.{Base64Url.EncodeToString(key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256))}";
    }
}
