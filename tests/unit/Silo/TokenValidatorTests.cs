using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using JitGrains.Silo;
using JitGrains.Silo.Identity;
using JitGrains.TestSupport;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Primitives;

namespace JitGrains.UnitTests.Silo;

public sealed class TokenValidatorTests : IAsyncLifetime
{
    private readonly ManualTime time = new();
    private TestIssuer issuer = null!;
    private TokenValidator validator = null!;

    public async Task InitializeAsync()
    {
        issuer = await TestIssuer.StartAsync();
        validator = Make(Options(issuer));
    }

    public async Task DisposeAsync()
    {
        validator.Dispose();
        await issuer.DisposeAsync();
    }

    private static IssuerOptions Options(TestIssuer issuer, string realm = "dev") => new()
    {
        Realm = realm,
        Issuer = issuer.Issuer,
        Audiences = ["jitgrains"],
        Algorithms = ["ES256"],
        KindClaim = "kind",
    };

    private TokenValidator Make(params IssuerOptions[] issuers) => new(issuers, time, NullLogger<TokenValidator>.Instance);

    private Task<TokenResult> Check(string token, TokenValidator? by = null) =>
        (by ?? validator).ValidateAsync(new Credentials($"Bearer {token}"), time.GetUtcNow(), CancellationToken.None).AsTask();

    private static string CodeOf(TokenResult result) => result switch
    {
        TokenResult.Invalid invalid => invalid.Code,
        TokenResult.Unavailable => "unavailable",
        TokenResult.Valid valid => $"valid {valid.Caller.Key}",
        _ => "?",
    };

    [Fact]
    public async Task A_good_token_tells_the_caller()
    {
        var claims = issuer.Claims(time.GetUtcNow());
        claims["act"] = JsonNode.Parse("""{"sub":"triage-bot","kind":"agent","act":{"sub":"runner","kind":"service"}}""");
        claims["tenant"] = "blue";
        var caller = Assert.IsType<TokenResult.Valid>(await Check(issuer.Sign(claims))).Caller;
        Assert.Equal("dev:user:alice^dev:agent:triage-bot^dev:service:runner", caller.Key);
        Assert.Equal(["dev:engineering"], caller.Groups);
        Assert.Equal("blue", caller.Claims["tenant"].GetString());
        Assert.Equal(time.GetUtcNow(), caller.TokenIssuedAt);
        Assert.Equal(time.GetUtcNow().AddHours(1).AddSeconds(30), caller.TokenExpiresAt);
    }

    [Theory]
    [InlineData("""{"kind":"service"}""", "valid dev:service:alice")]
    [InlineData("""{"kind":"king"}""", TokenCodes.Principal)]
    [InlineData("""{"kind":1}""", TokenCodes.Principal)]
    [InlineData("""{"sub":null}""", TokenCodes.Principal)]
    [InlineData("""{"sub":""}""", TokenCodes.Principal)]
    [InlineData("""{"sub":7}""", TokenCodes.Principal)]
    [InlineData("""{"sub":"al ice"}""", TokenCodes.Principal)]
    [InlineData("""{"sub":"alice^bob"}""", TokenCodes.Principal)]
    [InlineData("""{"sub":"a\u202elice"}""", TokenCodes.Principal)]
    [InlineData("""{"sub":"ali\u0000ce"}""", TokenCodes.Principal)]
    [InlineData("""{"sub":"cafe\u0301"}""", TokenCodes.Principal)]
    [InlineData("""{"sub":"repo:example/x"}""", "valid dev:user:repo:example/x")]
    [InlineData("""{"aud":"other"}""", TokenCodes.Audience)]
    [InlineData("""{"aud":["other","jitgrains"]}""", "valid dev:user:alice")]
    [InlineData("""{"aud":null}""", TokenCodes.Audience)]
    [InlineData("""{"iss":"https://issuer.example.com"}""", TokenCodes.Issuer)]
    [InlineData("""{"iss":null}""", TokenCodes.Malformed)]
    [InlineData("""{"exp":null}""", TokenCodes.Claims)]
    [InlineData("""{"exp":"9999999999"}""", TokenCodes.Claims)]
    [InlineData("""{"exp":1e300}""", TokenCodes.Malformed)]
    [InlineData("""{"exp":-1}""", TokenCodes.Claims)]
    [InlineData("""{"iat":null}""", TokenCodes.Claims)]
    [InlineData("""{"nbf":"soon"}""", TokenCodes.Malformed)]
    [InlineData("""{"groups":"managers"}""", "valid dev:user:alice")]
    [InlineData("""{"groups":[1]}""", TokenCodes.Groups)]
    [InlineData("""{"groups":{"a":1}}""", TokenCodes.Groups)]
    [InlineData("""{"groups":["a\u202eb"]}""", TokenCodes.Groups)]
    [InlineData("""{"groups":[""]}""", TokenCodes.Groups)]
    [InlineData("""{"_claim_names":{"groups":"src1"}}""", TokenCodes.GroupsIncomplete)]
    [InlineData("""{"_claim_names":{"other":"src1"}}""", "valid dev:user:alice")]
    [InlineData("""{"_claim_names":"x"}""", TokenCodes.GroupsIncomplete)]
    [InlineData("""{"hasgroups":true}""", TokenCodes.GroupsIncomplete)]
    [InlineData("""{"hasgroups":"true"}""", TokenCodes.GroupsIncomplete)]
    [InlineData("""{"hasgroups":false}""", "valid dev:user:alice")]
    [InlineData("""{"act":"bot"}""", TokenCodes.Actors)]
    [InlineData("""{"act":{}}""", TokenCodes.Actors)]
    [InlineData("""{"act":{"sub":"bot","iss":"https://issuer.example.com"}}""", TokenCodes.Actors)]
    [InlineData("""{"act":{"sub":"bot"}}""", "valid dev:user:alice^dev:agent:bot")]
    [InlineData("""{"act":{"sub":"a","act":{"sub":"b","act":{"sub":"c","act":{"sub":"d","act":{"sub":"e"}}}}}}""", "valid dev:user:alice^dev:agent:a^dev:agent:b^dev:agent:c^dev:agent:d^dev:agent:e")]
    [InlineData("""{"act":{"sub":"a","act":{"sub":"b","act":{"sub":"c","act":{"sub":"d","act":{"sub":"e","act":{"sub":"f"}}}}}}}""", TokenCodes.Actors)]
    public async Task Claims_are_read_strictly(string changes, string expected)
    {
        var claims = issuer.Claims(time.GetUtcNow());
        foreach (var (name, value) in JsonNode.Parse(changes)!.AsObject())
        {
            if (value is null)
                claims.Remove(name);
            else
                claims[name] = value.DeepClone();
        }

        Assert.Equal(expected, CodeOf(await Check(issuer.Sign(claims))));
    }

    [Theory]
    [InlineData("""{"alg":"none"}""", TokenCodes.Algorithm)]
    [InlineData("""{"alg":"HS256"}""", TokenCodes.Algorithm)]
    [InlineData("""{"alg":"RS256"}""", TokenCodes.Algorithm)]
    [InlineData("""{"alg":"ES384"}""", TokenCodes.Algorithm)]
    [InlineData("""{"alg":"es256"}""", TokenCodes.Algorithm)]
    [InlineData("""{"alg":null}""", TokenCodes.Algorithm)]
    [InlineData("""{"kid":"k2"}""", TokenCodes.Key)]
    [InlineData("""{"kid":null}""", "valid dev:user:alice")]
    [InlineData("""{"typ":null}""", "valid dev:user:alice")]
    [InlineData("""{"typ":"at+jwt"}""", "valid dev:user:alice")]
    [InlineData("""{"typ":"logout+jwt"}""", TokenCodes.Type)]
    [InlineData("""{"crit":["b64"],"b64":false}""", TokenCodes.Malformed)]
    public async Task Headers_are_read_strictly(string changes, string expected)
    {
        var header = issuer.Header();
        foreach (var (name, value) in JsonNode.Parse(changes)!.AsObject())
        {
            if (value is null)
                header.Remove(name);
            else
                header[name] = value.DeepClone();
        }

        Assert.Equal(expected, CodeOf(await Check(issuer.Sign(issuer.Claims(time.GetUtcNow()), header))));
    }

    [Fact]
    public async Task A_token_keyed_with_the_public_key_as_a_shared_secret_is_refused()
    {
        var header = issuer.Header();
        header["alg"] = "HS256";
        var signed = $"{TestIssuer.Encode(header.ToJsonString())}.{TestIssuer.Encode(issuer.Claims(time.GetUtcNow()).ToJsonString())}";
        var mac = HMACSHA256.HashData(issuer.Key.ExportSubjectPublicKeyInfo(), Encoding.ASCII.GetBytes(signed));
        Assert.Equal(TokenCodes.Algorithm, CodeOf(await Check($"{signed}.{System.Buffers.Text.Base64Url.EncodeToString(mac)}")));
    }

    [Fact]
    public async Task Any_changed_character_is_refused()
    {
        var token = issuer.Sign(issuer.Claims(time.GetUtcNow()));
        Assert.Equal("valid dev:user:alice", CodeOf(await Check(token)));
        var random = new Random(1);
        // The last character of a part may hold unused bits; whether those may differ is tried in the next test.
        for (var i = 0; i < 200; i++)
        {
            var at = random.Next(token.Length - 1);
            if (token[at] == '.' || token[at + 1] == '.')
                continue;
            var changed = token[..at] + (token[at] == 'A' ? 'B' : 'A') + token[(at + 1)..];
            Assert.IsType<TokenResult.Invalid>(await Check(changed));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a.b")]
    [InlineData("a.b.c")]
    [InlineData("a.b.c.d.e")]
    [InlineData("eyJhbGciOiJFUzI1NiJ9.bnVsbA.AA")]
    [InlineData("\u00e9.\u00e9.\u00e9")]
    [InlineData("eyJhbGciOiJFUzI1NiJ9.e30.AA extra")]
    public async Task What_is_no_token_is_refused(string token) => Assert.Equal(TokenCodes.Malformed, CodeOf(await Check(token)));

    [Fact]
    public async Task A_claim_that_comes_twice_is_refused()
    {
        var claims = issuer.Claims(time.GetUtcNow()).ToJsonString();
        var doubled = claims[..^1] + ",\"sub\":\"bob\"}";
        Assert.Equal(TokenCodes.Malformed, CodeOf(await Check(issuer.Sign(doubled, issuer.Header().ToJsonString()))));
    }

    [Fact]
    public async Task Only_one_bearer_header_of_a_bounded_size_is_read()
    {
        var token = issuer.Sign(issuer.Claims(time.GetUtcNow()));
        Task<TokenResult> Header(StringValues values) => validator.ValidateAsync(new Credentials(values), time.GetUtcNow(), CancellationToken.None).AsTask();
        Assert.Equal("valid dev:user:alice", CodeOf(await Header("bearer " + token)));
        Assert.Equal(TokenCodes.Missing, CodeOf(await Header(StringValues.Empty)));
        Assert.Equal(TokenCodes.Several, CodeOf(await Header(new StringValues(["Bearer " + token, "Bearer " + token]))));
        Assert.Equal(TokenCodes.Scheme, CodeOf(await Header("Basic YTpi")));
        Assert.Equal(TokenCodes.Scheme, CodeOf(await Header("Bearer")));
        Assert.Equal(TokenCodes.Scheme, CodeOf(await Header("")));
        Assert.Equal(TokenCodes.TooLarge, CodeOf(await Header("Bearer " + new string('a', TokenValidator.MaxTokenLength + 1))));
        Assert.Equal(TokenCodes.Malformed, CodeOf(await Header($"Bearer {token}, Bearer {token}")));
    }

    [Fact]
    public async Task Times_are_checked_by_our_clock_on_every_use()
    {
        var token = issuer.Sign(issuer.Claims(time.GetUtcNow()));
        Assert.IsType<TokenResult.Valid>(await Check(token));
        time.Advance(TimeSpan.FromMinutes(60) + TimeSpan.FromSeconds(29));
        Assert.IsType<TokenResult.Valid>(await Check(token));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(TokenCodes.Expired, CodeOf(await Check(token)));
        time.Step(TimeSpan.FromHours(-2));
        Assert.Equal(TokenCodes.NotYetValid, CodeOf(await Check(token)));
    }

    [Theory]
    [InlineData("nbf")]
    [InlineData("iat")]
    public async Task A_token_of_the_future_waits_but_for_the_skew(string claim)
    {
        var claims = issuer.Claims(time.GetUtcNow());
        claims[claim] = time.GetUtcNow().AddSeconds(40).ToUnixTimeSeconds();
        var token = issuer.Sign(claims);
        Assert.Equal(TokenCodes.NotYetValid, CodeOf(await Check(token)));
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.IsType<TokenResult.Valid>(await Check(token));
    }

    [Fact]
    public async Task A_token_without_nbf_counts_from_its_issue()
    {
        var claims = issuer.Claims(time.GetUtcNow());
        claims.Remove("nbf");
        Assert.IsType<TokenResult.Valid>(await Check(issuer.Sign(claims)));
    }

    [Fact]
    public async Task A_token_of_one_issuer_signed_by_another_is_refused()
    {
        await using var other = await TestIssuer.StartAsync();
        using var both = Make(Options(issuer), Options(other, "other"));
        var claims = issuer.Claims(time.GetUtcNow());
        Assert.Equal(TokenCodes.Signature, CodeOf(await Check(other.Sign(claims), both)));
        claims["iss"] = other.Issuer;
        Assert.Equal("valid other:user:alice", CodeOf(await Check(other.Sign(claims), both)));
    }

    [Fact]
    public async Task Discovery_that_names_another_issuer_is_not_believed()
    {
        issuer.ClaimedIssuer = "https://issuer.example.com";
        Assert.Equal("unavailable", CodeOf(await Check(issuer.Sign(issuer.Claims(time.GetUtcNow())))));
    }

    [Fact]
    public async Task A_key_meant_for_another_algorithm_is_not_used()
    {
        issuer.JwkAlgorithm = "ES384";
        Assert.Equal(TokenCodes.Key, CodeOf(await Check(issuer.Sign(issuer.Claims(time.GetUtcNow())))));
    }

    [Fact]
    public async Task A_new_key_is_fetched_once_and_not_too_often()
    {
        Assert.IsType<TokenResult.Valid>(await Check(issuer.Sign(issuer.Claims(time.GetUtcNow()))));
        Assert.Equal(1, issuer.Fetches);
        issuer.RotateKey("k2");
        var token = issuer.Sign(issuer.Claims(time.GetUtcNow()));
        Assert.Equal(TokenCodes.Key, CodeOf(await Check(token)));
        Assert.Equal(1, issuer.Fetches);
        time.Advance(IssuerKeys.AskAgainAfter);
        var all = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Check(token)));
        Assert.All(all, r => Assert.IsType<TokenResult.Valid>(r));
        Assert.Equal(2, issuer.Fetches);
    }

    [Fact]
    public async Task A_withdrawn_key_ends_the_tokens_that_were_verified_with_it()
    {
        var before = issuer.Sign(issuer.Claims(time.GetUtcNow()));
        Assert.IsType<TokenResult.Valid>(await Check(before));
        Assert.IsType<TokenResult.Valid>(await Check(before));
        issuer.RotateKey("k2");
        time.Advance(IssuerKeys.AskAgainAfter);
        Assert.IsType<TokenResult.Valid>(await Check(issuer.Sign(issuer.Claims(time.GetUtcNow()))));
        Assert.Equal(TokenCodes.Key, CodeOf(await Check(before)));
    }

    [Fact]
    public async Task While_the_issuer_is_down_known_keys_serve_and_unknown_ones_are_unavailable()
    {
        var known = issuer.Sign(issuer.Claims(time.GetUtcNow()));
        Assert.IsType<TokenResult.Valid>(await Check(known));
        issuer.Down = true;
        time.Advance(TimeSpan.FromMinutes(20));
        Assert.IsType<TokenResult.Valid>(await Check(known));
        Assert.IsType<TokenResult.Valid>(await Check(issuer.Sign(issuer.Claims(time.GetUtcNow()))));
        issuer.RotateKey("k2");
        time.Advance(IssuerKeys.AskAgainAfter);
        Assert.Equal("unavailable", CodeOf(await Check(issuer.Sign(issuer.Claims(time.GetUtcNow())))));
        time.Advance(TimeSpan.FromHours(24));
        var claims = issuer.Claims(time.GetUtcNow());
        Assert.Equal("unavailable", CodeOf(await Check(issuer.Sign(claims))));
    }

    [Fact]
    public async Task An_issuer_that_was_down_at_first_is_asked_again()
    {
        issuer.Down = true;
        var token = issuer.Sign(issuer.Claims(time.GetUtcNow()));
        Assert.Equal("unavailable", CodeOf(await Check(token)));
        issuer.Down = false;
        Assert.Equal("unavailable", CodeOf(await Check(token)));
        time.Advance(IssuerKeys.AskAgainAfter);
        Assert.IsType<TokenResult.Valid>(await Check(token));
    }

    [Fact]
    public async Task A_hit_allocates_nothing_to_speak_of_and_the_cache_is_bounded()
    {
        var token = "Bearer " + issuer.Sign(issuer.Claims(time.GetUtcNow()));
        for (var i = 0; i < 3; i++)
            Assert.IsType<TokenResult.Valid>(await validator.ValidateAsync(new Credentials(token), time.GetUtcNow(), CancellationToken.None));
        var header = new StringValues(token);
        var now = time.GetUtcNow();
        var refused = 0;
        Assert.InRange(
            Allocations.Least(() =>
            {
                for (var i = 0; i < 1000; i++)
                    refused += IsKnown(validator.ValidateAsync(new Credentials(header), now, CancellationToken.None)) ? 0 : 1;
            }),
            0,
            1000);
        Assert.Equal(0, refused);

        var small = new VerifiedTokenCache(100);
        Assert.Null(small.Find(KeyOf(0), now));
        var valid = (TokenResult.Valid)await Check(token["Bearer ".Length..]);
        for (ulong i = 0; i < 10_000; i++)
            small.Add(KeyOf(i), new VerifiedToken(valid, now, now, null!, 0));
        Assert.InRange(small.Count, 1, 100);
        Assert.NotNull(small.Find(KeyOf(9_999), now));
        small.Flush();
        Assert.Null(small.Find(KeyOf(9_999), now));

        // What is presented again and again stays; what is not goes, and the memory that it took.
        for (ulong i = 0; i < 20; i++)
            small.Add(KeyOf(i), new VerifiedToken(valid, now, now, null!, 1));
        for (var i = 1; i <= 20; i++)
        {
            Assert.NotNull(small.Find(KeyOf(3), now + (VerifiedTokenCache.Unused * i / 4)));
            Assert.Equal(i < 4, small.Count == 20);
        }

        Assert.InRange(small.Count, 1, 2);
        Assert.Null(small.Find(KeyOf(4), now + (VerifiedTokenCache.Unused * 5)));
        // Nor does a clock that is set back keep it for good.
        Assert.NotNull(small.Find(KeyOf(3), now));
        Assert.Null(small.Find(KeyOf(5), now + VerifiedTokenCache.Unused));

        static bool IsKnown(ValueTask<TokenResult> checking) => checking is { IsCompletedSuccessfully: true, Result: TokenResult.Valid };

        VerifiedTokenKey KeyOf(ulong i) => new(new TokenHash(i, 0, 0, 0), small, null, null, null);
    }

    [Fact]
    public void Every_problem_of_the_configuration_is_listed()
    {
        var e = Assert.Throws<StartupException>(() => Make(
            new IssuerOptions { Realm = "a b", Issuer = "http://issuer.example.com", Algorithms = ["HS256", "none"], Kind = "king", ClockSkew = TimeSpan.FromHours(1) },
            new IssuerOptions { Realm = "dev", Issuer = "https://issuer.example.com/?x=1", Audiences = [""], PrincipalClaim = "" },
            new IssuerOptions { Realm = "dev", Issuer = "https://issuer.example.com/", Audiences = ["x"] }));
        Assert.Equal(11, e.Problems.Count);
    }

    [Theory]
    [InlineData(TokenCodes.Missing, "Bearer realm=\"jitgrains\"")]
    [InlineData(TokenCodes.Expired, "Bearer realm=\"jitgrains\", error=\"invalid_token\", error_description=\"token-expired\"")]
    public void The_challenge_is_the_one_of_RFC_6750(string code, string expected) =>
        Assert.Equal(expected, BearerChallenge.ValueFor(new TokenResult.Invalid(code, "")));
}
