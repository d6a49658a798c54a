using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using JitGrains.Silo.Identity;
using JitGrains.TestSupport;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Primitives;

namespace JitGrains.UnitTests.Silo;

/// <summary>Tokens that are bound to a key, and proofs of holding it (RFC 9449): each also for a token that was verified before.</summary>
public sealed class DpopTests : IAsyncLifetime
{
    private const string Url = "https://api.example.com/orders/42";

    private readonly ManualTime time = new();
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private TestIssuer issuer = null!;
    private TokenValidator validator = null!;
    private int proofs;

    public async Task InitializeAsync()
    {
        issuer = await TestIssuer.StartAsync();
        validator = new TokenValidator([new IssuerOptions { Realm = "dev", Issuer = issuer.Issuer, Audiences = ["jitgrains"] }], time, NullLogger<TokenValidator>.Instance);
    }

    public async Task DisposeAsync()
    {
        validator.Dispose();
        key.Dispose();
        await issuer.DisposeAsync();
    }

    /// <summary>What is wrong, what is changed of a good proof's header and claims, and why it is refused.</summary>
    public static TheoryData<string, string, string, string> HostileProofs() => new()
    {
        { "another type", """{"typ":"JWT"}""", "{}", PossessionCodes.ProofInvalid },
        { "no type", """{"typ":null}""", "{}", PossessionCodes.ProofInvalid },
        { "unsigned", """{"alg":"none"}""", "{}", PossessionCodes.ProofInvalid },
        { "a shared secret", """{"alg":"HS256"}""", "{}", PossessionCodes.ProofInvalid },
        { "another algorithm than the key's", """{"alg":"RS256"}""", "{}", PossessionCodes.ProofInvalid },
        { "no key", """{"jwk":null}""", "{}", PossessionCodes.ProofInvalid },
        { "a key with its secret half", """{"jwk":{"d":"AA"}}""", "{}", PossessionCodes.ProofInvalid },
        { "another curve", """{"jwk":{"crv":"P-384"}}""", "{}", PossessionCodes.ProofInvalid },
        { "somebody else's key", """{"jwk":{"x":"AAAA"}}""", "{}", PossessionCodes.ProofKey },
        { "a key with a quotation mark", """{"jwk":{"x":"A\"A"}}""", "{}", PossessionCodes.ProofInvalid },
        { "an extension that must be known", """{"crit":["b64"]}""", "{}", PossessionCodes.ProofInvalid },
        { "another method", "{}", """{"htm":"POST"}""", PossessionCodes.ProofTarget },
        { "the method in another case", "{}", """{"htm":"get"}""", PossessionCodes.ProofTarget },
        { "no method", "{}", """{"htm":null}""", PossessionCodes.ProofInvalid },
        { "another path", "{}", """{"htu":"https://api.example.com/orders/43"}""", PossessionCodes.ProofTarget },
        { "the path in another case", "{}", """{"htu":"https://api.example.com/Orders/42"}""", PossessionCodes.ProofTarget },
        { "another host", "{}", """{"htu":"https://evil.example.com/orders/42"}""", PossessionCodes.ProofTarget },
        { "another scheme", "{}", """{"htu":"http://api.example.com/orders/42"}""", PossessionCodes.ProofTarget },
        { "another port", "{}", """{"htu":"https://api.example.com:8443/orders/42"}""", PossessionCodes.ProofTarget },
        { "no address", "{}", """{"htu":"/orders/42"}""", PossessionCodes.ProofTarget },
        { "another token's hash", "{}", """{"ath":"fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"}""", PossessionCodes.ProofTarget },
        { "no token's hash", "{}", """{"ath":null}""", PossessionCodes.ProofInvalid },
        { "too old", "{}", """{"iat":-61}""", PossessionCodes.ProofTime },
        { "from the future", "{}", """{"iat":31}""", PossessionCodes.ProofTime },
        { "a time that is a text", "{}", """{"iat":"now"}""", PossessionCodes.ProofInvalid },
        { "no id", "{}", """{"jti":null}""", PossessionCodes.ProofInvalid },
        { "an empty id", "{}", """{"jti":""}""", PossessionCodes.ProofInvalid },
        { "an id that is too long", "{}", $$"""{"jti":"{{new string('x', 257)}}"}""", PossessionCodes.ProofInvalid },
    };

    [Theory]
    [MemberData(nameof(HostileProofs))]
    public async Task What_is_wrong_with_a_proof_is_found_whether_its_token_is_new_or_known(string wrong, string header, string claims, string expected)
    {
        var token = BoundToken();
        var hostile = Proof(token, header, claims);
        Assert.True(expected == CodeOf(await Check(token, hostile)), wrong);
        Assert.StartsWith("valid", CodeOf(await Check(token, Proof(token))), StringComparison.Ordinal);
        Assert.True(expected == CodeOf(await Check(token, Proof(token, header, claims))), $"{wrong}, of a token that is known");
    }

    [Theory]
    [InlineData("""{"htu":"HTTPS://API.example.com:443/orders/42?x=1#y"}""")]
    [InlineData("""{"iat":-59}""")]
    [InlineData("""{"iat":29}""")]
    public async Task What_is_the_same_by_the_standard_is_accepted(string claims)
    {
        var token = BoundToken();
        Assert.StartsWith("valid", CodeOf(await Check(token, Proof(token, claims: claims))), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bound_token_never_works_without_its_proof()
    {
        var token = BoundToken();
        for (var known = 0; known < 2; known++)
        {
            Assert.Equal(PossessionCodes.ProofMissing, CodeOf(await Check(token, default)));
            Assert.Equal(PossessionCodes.ProofMissing, CodeOf(await Check(token, Proof(token), scheme: "Bearer")));
            Assert.Equal(PossessionCodes.ProofInvalid, CodeOf(await Check(token, new StringValues([Proof(token), Proof(token)]))));
            Assert.Equal(PossessionCodes.ProofInvalid, CodeOf(await Check(token, "nonsense")));
            var (head, tail) = (Proof(token)[..^4], "AAAA");
            Assert.Equal(PossessionCodes.ProofInvalid, CodeOf(await Check(token, head + tail)));
            Assert.StartsWith("valid", CodeOf(await Check(token, Proof(token), scheme: "dpop")), StringComparison.Ordinal);
        }

        var free = issuer.Sign(issuer.Claims(time.GetUtcNow()));
        Assert.Equal(PossessionCodes.ProofUnbound, CodeOf(await Check(free, Proof(free))));
        Assert.StartsWith("valid", CodeOf(await Check(free, Proof(free), scheme: "Bearer")), StringComparison.Ordinal);
        Assert.Equal(PossessionCodes.ProofUnbound, CodeOf(await Check(free, Proof(free))));
    }

    [Theory]
    [InlineData("""{"jwk":{"kty":"EC"}}""")]
    [InlineData("""{"kid":"k1"}""")]
    [InlineData("""{"x5t#S256":7}""")]
    [InlineData("""{}""")]
    [InlineData("""{"jkt":""}""")]
    [InlineData("""[]""")]
    public async Task What_a_token_is_bound_to_and_cannot_be_checked_is_no_reason_to_do_without(string cnf)
    {
        var claims = issuer.Claims(time.GetUtcNow());
        claims["cnf"] = JsonNode.Parse(cnf);
        var token = issuer.Sign(claims);
        Assert.Equal(PossessionCodes.Confirmation, CodeOf(await Check(token, default, scheme: "Bearer")));
        Assert.Equal(PossessionCodes.Confirmation, CodeOf(await Check(token, default, scheme: "Bearer")));
    }

    [Fact]
    public async Task A_proof_counts_once_for_as_long_as_it_could_be_used_again()
    {
        var token = BoundToken();
        var proof = Proof(token, claims: """{"iat":29}""");
        Assert.StartsWith("valid", CodeOf(await Check(token, proof)), StringComparison.Ordinal);
        for (var seconds = 0; seconds < 89; seconds += 8)
        {
            Assert.Equal(PossessionCodes.ProofReplayed, CodeOf(await Check(token, proof)));
            time.Advance(TimeSpan.FromSeconds(8));
        }

        Assert.Equal(PossessionCodes.ProofTime, CodeOf(await Check(token, proof)));
        // Many at once: one only.
        var raced = Proof(token);
        var results = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => Task.Run(() => Check(token, raced))));
        Assert.Single(results, r => r is TokenResult.Valid);
    }

    [Fact]
    public void What_is_remembered_is_bounded_and_what_cannot_be_remembered_is_refused()
    {
        var memory = new ReplayMemory(3, TimeSpan.FromSeconds(90));
        var now = time.GetUtcNow();
        for (UInt128 i = 0; i < 3; i++)
            Assert.Equal(ReplayMemory.Seen.Never, memory.Look(i, now));
        Assert.Equal(ReplayMemory.Seen.Full, memory.Look(3, now));
        Assert.Equal(ReplayMemory.Seen.Never, memory.Look(3, now.AddSeconds(90)));
        Assert.Equal(ReplayMemory.Seen.Before, memory.Look(0, now.AddSeconds(179)));
        Assert.Equal(ReplayMemory.Seen.Never, memory.Look(0, now.AddSeconds(500)));
    }

    [Fact]
    public void Challenges_are_those_of_the_scheme()
    {
        Assert.StartsWith("DPoP ", BearerChallenge.ValueFor(new TokenResult.Invalid(PossessionCodes.ProofReplayed, "")), StringComparison.Ordinal);
        Assert.Contains("error=\"invalid_dpop_proof\"", BearerChallenge.ValueFor(new TokenResult.Invalid(PossessionCodes.ProofTarget, "")), StringComparison.Ordinal);
        Assert.Contains("error=\"invalid_token\"", BearerChallenge.ValueFor(new TokenResult.Invalid(PossessionCodes.ProofMissing, "")), StringComparison.Ordinal);
        Assert.StartsWith("Bearer ", BearerChallenge.ValueFor(new TokenResult.Invalid(PossessionCodes.CertificateMissing, "")), StringComparison.Ordinal);
    }

    private static string CodeOf(TokenResult result) => result switch
    {
        TokenResult.Invalid invalid => invalid.Code,
        TokenResult.Valid valid => $"valid {valid.Caller.Key}",
        _ => "unavailable",
    };

    private Task<TokenResult> Check(string token, StringValues proof, string scheme = "DPoP") =>
        validator.ValidateAsync(new Credentials($"{scheme} {token}", proof, null, "GET", Url), time.GetUtcNow(), CancellationToken.None).AsTask();

    private string BoundToken()
    {
        var claims = issuer.Claims(time.GetUtcNow());
        var jwk = Jwk();
        var canonical = $$"""{"crv":"P-256","kty":"EC","x":"{{jwk["x"]}}","y":"{{jwk["y"]}}"}""";
        claims["cnf"] = new JsonObject { ["jkt"] = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(canonical))) };
        return issuer.Sign(claims);
    }

    private JsonObject Jwk()
    {
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        return new JsonObject { ["kty"] = "EC", ["crv"] = "P-256", ["x"] = Base64Url.EncodeToString(point.X), ["y"] = Base64Url.EncodeToString(point.Y) };
    }

    /// <summary>A good proof but for what is changed: members replaced, taken out by null; times are seconds from now.</summary>
    private string Proof(string token, string header = "{}", string claims = "{}")
    {
        var head = new JsonObject { ["typ"] = "dpop+jwt", ["alg"] = "ES256", ["jwk"] = Jwk() };
        var body = new JsonObject
        {
            ["jti"] = $"proof-{Interlocked.Increment(ref proofs)}",
            ["htm"] = "GET",
            ["htu"] = Url,
            ["iat"] = time.GetUtcNow().ToUnixTimeSeconds(),
            ["ath"] = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(token))),
        };
        Change(head, header);
        Change(body, claims);
        var signed = $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(head.ToJsonString()))}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(body.ToJsonString()))}";
        return $"{signed}.{Base64Url.EncodeToString(key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256))}";
    }

    private void Change(JsonObject of, string changes)
    {
        foreach (var (name, value) in JsonNode.Parse(changes)!.AsObject())
        {
            if (name == "jwk" && value is JsonObject parts)
                Change(of["jwk"]!.AsObject(), parts.ToJsonString());
            else if (value is null)
                of.Remove(name);
            else if (name == "iat" && value.GetValueKind() == System.Text.Json.JsonValueKind.Number)
                of[name] = time.GetUtcNow().ToUnixTimeSeconds() + value.GetValue<int>();
            else
                of[name] = value.DeepClone();
        }
    }
}
