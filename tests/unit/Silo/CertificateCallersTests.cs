using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using JitGrains.Silo;
using JitGrains.Silo.Identity;
using JitGrains.TestSupport;
using Microsoft.Extensions.Logging.Abstractions;

namespace JitGrains.UnitTests.Silo;

/// <summary>Client certificates as a way to show who calls, alone and beside tokens.</summary>
public sealed class CertificateCallersTests : IAsyncLifetime
{
    private readonly ManualTime time = new();
    private readonly string folder = Directory.CreateTempSubdirectory("jitgrains-ca-").FullName;
    private readonly TestAuthority authority = TestAuthority.Make("Mesh");
    private readonly TestAuthority other = TestAuthority.Make("Other");
    private TestIssuer issuer = null!;

    public async Task InitializeAsync()
    {
        issuer = await TestIssuer.StartAsync();
        await File.WriteAllTextAsync(PathOf("ca.pem"), authority.Pem);
    }

    public async Task DisposeAsync()
    {
        authority.Dispose();
        other.Dispose();
        await issuer.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("dns:billing.svc.example.com", "valid mesh:service:billing dns-billing")]
    [InlineData("dns:BILLING.svc.example.com", "valid mesh:service:billing dns-billing")]
    [InlineData("dns:billing.svc.example.com dns:other.example.com", "valid mesh:service:billing dns-billing")]
    [InlineData("dns:billing.svc.example.com dns:orders.svc.example.com", PossessionCodes.CertificateName)]
    [InlineData("dns:billing.svc.example.com.evil.example.com", PossessionCodes.CertificateName)]
    [InlineData("email:alice@example.com", "valid mesh:user:alice")]
    [InlineData("email:alice@evil.example.com", PossessionCodes.CertificateName)]
    [InlineData("uri:https://billing.svc.example.com", PossessionCodes.CertificateName)]
    [InlineData("", PossessionCodes.CertificateName)]
    public async Task Names_become_principals_as_configured(string names, string expected)
    {
        using var callers = Callers(new CertificateIssuerOptions
        {
            Realm = "mesh",
            Ca = PathOf("ca.pem"),
            Names =
            [
                new CertificateName { San = "dns", Pattern = @"(?<name>[a-z]+)\.svc\.example\.com", Groups = ["dns-{name}"] },
                new CertificateName { San = "email", Pattern = @"(?<who>[a-z]+)@example\.com", Principal = "user:{who}" },
            ],
        });
        using var certificate = authority.Client(names.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(expected, await Ask(callers, new PresentedCertificate(certificate)));
    }

    [Theory]
    [InlineData("uri:spiffe://prod.example.com/ns/pay/sa/billing", X509KeyUsageFlags.DigitalSignature, "valid spiffe:service:ns/pay/sa/billing")]
    [InlineData("uri:spiffe://prod.example.com/a dns:x.example.com", X509KeyUsageFlags.DigitalSignature, "valid spiffe:service:a")]
    [InlineData("uri:spiffe://dev.example.com/ns/pay", X509KeyUsageFlags.DigitalSignature, PossessionCodes.CertificateName)]
    [InlineData("uri:spiffe://prod.example.com/a uri:spiffe://prod.example.com/b", X509KeyUsageFlags.DigitalSignature, PossessionCodes.CertificateName)]
    [InlineData("uri:spiffe://prod.example.com/a uri:https://example.com/", X509KeyUsageFlags.DigitalSignature, PossessionCodes.CertificateName)]
    [InlineData("uri:spiffe://prod.example.com/a//b", X509KeyUsageFlags.DigitalSignature, PossessionCodes.CertificateName)]
    [InlineData("uri:spiffe://prod.example.com/a?b=c", X509KeyUsageFlags.DigitalSignature, PossessionCodes.CertificateName)]
    [InlineData("uri:spiffe://prod.example.com:80/a", X509KeyUsageFlags.DigitalSignature, PossessionCodes.CertificateName)]
    [InlineData("uri:spiffe://prod.example.com", X509KeyUsageFlags.DigitalSignature, PossessionCodes.CertificateName)]
    [InlineData("uri:spiffe://prod.example.com/a", X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyCertSign, PossessionCodes.CertificateName)]
    [InlineData("uri:spiffe://prod.example.com/a", X509KeyUsageFlags.KeyEncipherment, PossessionCodes.CertificateName)]
    [InlineData("dns:prod.example.com", X509KeyUsageFlags.DigitalSignature, PossessionCodes.CertificateName)]
    public async Task Spiffe_ids_follow_their_rules(string names, X509KeyUsageFlags usage, string expected)
    {
        using var callers = Callers(new CertificateIssuerOptions { Realm = "spiffe", Ca = PathOf("ca.pem"), TrustDomain = "prod.example.com" });
        using var certificate = authority.Client(names.Split(' '), usage: usage);
        Assert.Equal(expected, await Ask(callers, new PresentedCertificate(certificate)));
    }

    [Fact]
    public async Task Authority_time_and_use_are_checked_and_intermediates_may_be_sent()
    {
        using var callers = Callers(Simple());
        using var between = TestAuthority.Make("Between", authority);
        using var below = between.Client(["dns:a.example.com"]);
        using var wrong = other.Client(["dns:a.example.com"]);
        using var over = authority.Client(["dns:a.example.com"], until: time.GetUtcNow().AddDays(-1));
        using var early = authority.Client(["dns:a.example.com"], from: time.GetUtcNow().AddDays(1));
        using var server = authority.Server("a.example.com");
        Assert.Equal(PossessionCodes.CertificateUntrusted, await Ask(callers, new PresentedCertificate(below)));
        Assert.Equal("valid mesh:service:a.example.com", await Ask(callers, new PresentedCertificate(below, [X509CertificateLoader.LoadCertificate(between.Certificate.RawData)])));
        Assert.Equal(PossessionCodes.CertificateUntrusted, await Ask(callers, new PresentedCertificate(wrong)));
        Assert.Equal(PossessionCodes.CertificateExpired, await Ask(callers, new PresentedCertificate(over)));
        Assert.Equal(PossessionCodes.CertificateExpired, await Ask(callers, new PresentedCertificate(early)));
        Assert.Equal(PossessionCodes.CertificateUntrusted, await Ask(callers, new PresentedCertificate(server)));

        // Nothing is remembered beyond its time.
        using var soon = authority.Client(["dns:a.example.com"], until: time.GetUtcNow().AddMinutes(5));
        var presented = new PresentedCertificate(soon);
        Assert.StartsWith("valid", await Ask(callers, presented), StringComparison.Ordinal);
        time.Advance(TimeSpan.FromMinutes(6));
        Assert.Equal(PossessionCodes.CertificateExpired, await Ask(callers, presented));
    }

    [Fact]
    public async Task A_revoked_certificate_is_refused_beside_a_token_too_and_a_list_that_ran_out_refuses_all()
    {
        var now = time.GetUtcNow();
        using var good = authority.Client(["dns:good.example.com"]);
        using var bad = authority.Client(["dns:bad.example.com"]);
        await File.WriteAllTextAsync(PathOf("crl.pem"), authority.List(now, now.AddHours(2)));
        using var callers = Callers(Simple() with { Crls = [PathOf("crl.pem")] });
        var (first, second) = (new PresentedCertificate(good), new PresentedCertificate(bad));
        Assert.StartsWith("valid", await Ask(callers, first), StringComparison.Ordinal);
        Assert.StartsWith("valid", await Ask(callers, second), StringComparison.Ordinal);

        authority.Revoke(bad, now);
        await File.WriteAllTextAsync(PathOf("crl.pem"), authority.List(now, now.AddHours(1)));
        callers.Look();
        Assert.StartsWith("valid", await Ask(callers, second), StringComparison.Ordinal);
        callers.Look();
        Assert.StartsWith("valid", await Ask(callers, first), StringComparison.Ordinal);
        Assert.Equal(PossessionCodes.CertificateRevoked, await Ask(callers, second));
        var token = issuer.Sign(issuer.Claims(now));
        Assert.Equal(PossessionCodes.CertificateRevoked, await Ask(callers, second, token));
        Assert.Equal("valid dev:user:alice", await Ask(callers, first, token));

        // Forged: another authority's signature under the right name.
        using var impostor = TestAuthority.Make("Mesh");
        await File.WriteAllTextAsync(PathOf("crl.pem"), impostor.List(now, now.AddHours(1)));
        callers.Look();
        callers.Look();
        Assert.Equal("unavailable", await Ask(callers, first));
        // What is no list leaves the last good one.
        await File.WriteAllTextAsync(PathOf("crl.pem"), authority.List(now, now.AddHours(1)));
        callers.Look();
        callers.Look();
        await File.WriteAllTextAsync(PathOf("crl.pem"), "nonsense");
        callers.Look();
        callers.Look();
        Assert.Equal(PossessionCodes.CertificateRevoked, await Ask(callers, second));
        time.Advance(TimeSpan.FromMinutes(61));
        Assert.Equal("unavailable", await Ask(callers, first));
    }

    [Fact]
    public async Task A_token_bound_to_a_certificate_works_with_that_only()
    {
        using var callers = Callers(Simple());
        using var mine = other.Client(["dns:a.example.com"]);
        using var theirs = other.Client(["dns:a.example.com"]);
        var claims = issuer.Claims(time.GetUtcNow());
        claims["cnf"] = new JsonObject { ["x5t#S256"] = new PresentedCertificate(mine).Thumbprint };
        var token = issuer.Sign(claims);
        using var validator = Validator(callers);
        for (var known = 0; known < 2; known++)
        {
            Assert.Equal(PossessionCodes.CertificateMissing, await Ask(validator, null, token));
            Assert.Equal(PossessionCodes.CertificateMismatch, await Ask(validator, new PresentedCertificate(theirs), token));
            Assert.Equal("valid dev:user:alice", await Ask(validator, new PresentedCertificate(mine), token));
        }

        // Without a token the certificate is nobody's, and another's certificate makes no token better.
        Assert.Equal(PossessionCodes.CertificateUntrusted, await Ask(validator, new PresentedCertificate(mine), null));
        Assert.Equal(TokenCodes.Signature, await Ask(validator, new PresentedCertificate(mine), token[..^6] + "AAAAAA"));
        using var known2 = authority.Client(["dns:billing.example.com"]);
        Assert.Equal("valid dev:user:alice", await Ask(validator, new PresentedCertificate(known2), issuer.Sign(issuer.Claims(time.GetUtcNow()))));
        Assert.Equal(TokenCodes.Malformed, await Ask(validator, new PresentedCertificate(known2), "nonsense"));
    }

    [Fact]
    public async Task An_authority_of_devices_shows_by_which_one_a_token_is_used_and_nobody_by_itself()
    {
        using var callers = Callers(new CertificateIssuerOptions { Realm = "fleet", Ca = PathOf("ca.pem"), Devices = true });
        using var validator = Validator(callers);
        using var certificate = authority.Client(["dns:laptop-7.example.com", "uri:spiffe://example.com/laptop/7"]);
        using var foreign = other.Client(["dns:laptop-7.example.com"]);
        var token = issuer.Sign(issuer.Claims(time.GetUtcNow()));
        var presented = new PresentedCertificate(certificate);
        Assert.Equal(PossessionCodes.CertificateName, await Ask(validator, presented, null));
        Assert.StartsWith("valid dev:user:alice", await Ask(validator, presented, token), StringComparison.Ordinal);
        Assert.Equal((presented.Thumbprint, "fleet"), (presented.Device.Thumbprint, presented.Device.Authority));
        Assert.Equal("dns:laptop-7.example.com uri:spiffe://example.com/laptop/7", string.Join(' ', presented.Device.Names));

        // What no configured authority issued says nothing.
        var nobodys = new PresentedCertificate(foreign);
        Assert.StartsWith("valid dev:user:alice", await Ask(validator, nobodys, token), StringComparison.Ordinal);
        Assert.Equal((nobodys.Thumbprint, null, 0), (nobodys.Device.Thumbprint, nobodys.Device.Authority, nobodys.Device.Names.Length));

        // One whose authority is taken away stops saying anything with the next call on its connection.
        await File.WriteAllTextAsync(PathOf("ca.pem"), other.Pem);
        // A change is taken on when it was seen twice.
        callers.Look();
        callers.Look();
        Assert.StartsWith("valid dev:user:alice", await Ask(validator, presented, token), StringComparison.Ordinal);
        Assert.Null(presented.Device.Authority);
    }

    [Fact]
    public void Misconfigured_authorities_are_told_whole()
    {
        var problems = CertificateIssuerOptions.ProblemsOf(
            [
                new CertificateIssuerOptions { Realm = "a b", Names = [new CertificateName { San = "ip", Pattern = "(", Principal = "king" }] },
                new CertificateIssuerOptions { Realm = "dev", Ca = "x", TrustDomain = "Prod" },
                new CertificateIssuerOptions { Realm = "ok", Ca = "x" },
                new CertificateIssuerOptions { Realm = "both", Ca = "x", Devices = true, TrustDomain = "example.com" },
            ],
            [new IssuerOptions { Realm = "dev" }]);
        Assert.Equal(9, problems.Count);
        File.WriteAllText(PathOf("none.pem"), "nothing");
        var failed = Assert.Throws<StartupException>(() => Callers(Simple() with { Ca = PathOf("none.pem") }));
        Assert.StartsWith($"CertificateIssuers: {PathOf("none.pem")}: it holds no certificate", Assert.Single(failed.Problems), StringComparison.Ordinal);
    }

    private string PathOf(string name) => Path.Combine(folder, name);

    private CertificateIssuerOptions Simple() => new() { Realm = "mesh", Ca = PathOf("ca.pem"), Names = [new CertificateName { San = "dns" }] };

    private CertificateCallers Callers(params CertificateIssuerOptions[] options) => new(options, TimeSpan.FromSeconds(30), time, NullLogger<CertificateCallers>.Instance);

    private TokenValidator Validator(CertificateCallers callers) =>
        new([new IssuerOptions { Realm = "dev", Issuer = issuer.Issuer, Audiences = ["jitgrains"] }], time, NullLogger<TokenValidator>.Instance, callers);

    private async Task<string> Ask(CertificateCallers callers, PresentedCertificate? certificate, string? token = null)
    {
        using var validator = Validator(callers);
        return await Ask(validator, certificate, token);
    }

    private async Task<string> Ask(TokenValidator validator, PresentedCertificate? certificate, string? token) =>
        await validator.ValidateAsync(new Credentials(token is null ? default : $"Bearer {token}", certificate: certificate), time.GetUtcNow(), CancellationToken.None) switch
        {
            TokenResult.Valid { Caller: var caller } => $"valid {caller.Key} {string.Join(' ', caller.Groups.Where(g => g.StartsWith("mesh:", StringComparison.Ordinal)).Select(g => g["mesh:".Length..]))}".TrimEnd(),
            TokenResult.Invalid invalid => invalid.Code,
            _ => "unavailable",
        };
}
