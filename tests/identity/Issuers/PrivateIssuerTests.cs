using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using JitGrains.IdentityTests.Hostile;
using JitGrains.Silo.Identity;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace JitGrains.IdentityTests.Issuers;

/// <summary>An issuer as a Kubernetes API server is one: an authority of its own, and documents for those with a token only; one that hangs; one that is down for long.</summary>
public sealed class PrivateIssuerTests : IAsyncLifetime
{
    private readonly ManualTime time = new(TimeProvider.System.GetUtcNow());
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly TaskCompletionSource release = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string folder = Directory.CreateTempSubdirectory("jitgrains-private-").FullName;
    private WebApplication web = null!;
    private bool down;
    private bool hangs;

    private string Issuer => web.Urls.Single();

    private string BearerFile => Path.Combine(folder, "token");

    private string CaFile => Path.Combine(folder, "ca.pem");

    public async Task InitializeAsync()
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        var request = new CertificateRequest("CN=issuer.example.com", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(names.Build());
        using var made = request.CreateSelfSigned(time.GetUtcNow().AddDays(-1), time.GetUtcNow().AddDays(365));
        var certificate = X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), password: null);
        await File.WriteAllTextAsync(CaFile, certificate.ExportCertificatePem());
        await File.WriteAllTextAsync(BearerFile, "first\n");

        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0, l => l.UseHttps(certificate)));
        web = builder.Build();
        web.Use(async (context, next) =>
        {
            if (hangs)
                await release.Task.WaitAsync(context.RequestAborted);
            // The file is read anew each time: tokens of pods rotate.
            if (down || context.Request.Headers.Authorization != "Bearer " + (await File.ReadAllTextAsync(BearerFile)).Trim())
                context.Response.StatusCode = down ? 503 : 401;
            else
                await next(context);
        });
        web.MapGet("/.well-known/openid-configuration", () => Results.Json(new { issuer = Issuer, jwks_uri = Issuer + "/openid/v1/jwks" }));
        web.MapGet("/openid/v1/jwks", () => Results.Text(new JsonObject { ["keys"] = new JsonArray(HostileIssuer.Jwk(key, "k1")) }.ToJsonString(), "application/json"));
        await web.StartAsync();
    }

    public async Task DisposeAsync()
    {
        release.TrySetResult();
        await web.DisposeAsync();
        key.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private TokenValidator Make(bool trusts = true, bool shows = true) => new(
        [
            new IssuerOptions
            {
                Realm = "k8s",
                Preset = IssuerPresets.Kubernetes,
                Issuer = Issuer,
                Audiences = ["jitgrains"],
                CaFile = trusts ? CaFile : null,
                BearerFile = shows ? BearerFile : null,
                KeysServe = TimeSpan.FromHours(1),
            },
        ],
        time,
        NullLogger<TokenValidator>.Instance);

    private async Task<string> Check(TokenValidator validator, string subject = "system:serviceaccount:payments:settler")
    {
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        var signed = string.Join('.', new JsonObject[]
        {
            new() { ["alg"] = "ES256", ["kid"] = "k1" },
            new() { ["iss"] = Issuer, ["aud"] = "jitgrains", ["sub"] = subject, ["iat"] = now, ["exp"] = now + 600, ["jti"] = Guid.NewGuid().ToString() },
        }.Select(j => System.Buffers.Text.Base64Url.EncodeToString(System.Text.Encoding.UTF8.GetBytes(j.ToJsonString()))));
        var token = $"{signed}.{System.Buffers.Text.Base64Url.EncodeToString(key.SignData(System.Text.Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256))}";
        return await validator.ValidateAsync(new Credentials($"Bearer {token}"), time.GetUtcNow(), CancellationToken.None) switch
        {
            TokenResult.Valid valid => valid.Caller.Key,
            TokenResult.Invalid invalid => invalid.Code,
            _ => "unavailable",
        };
    }

    [Fact]
    public async Task Its_authority_and_its_token_are_what_it_takes()
    {
        using var good = Make();
        Assert.Equal("k8s:service:payments:settler", await Check(good));
        using var distrustful = Make(trusts: false);
        Assert.Equal("unavailable", await Check(distrustful));
        using var stranger = Make(shows: false);
        Assert.Equal("unavailable", await Check(stranger));
    }

    [Fact]
    public async Task The_token_file_is_read_anew()
    {
        using var validator = Make();
        await File.WriteAllTextAsync(BearerFile, "second");
        Assert.Equal("k8s:service:payments:settler", await Check(validator));
    }

    [Fact]
    public async Task Keys_serve_as_long_as_the_options_say()
    {
        using var validator = Make();
        Assert.Equal("k8s:service:payments:settler", await Check(validator));
        down = true;
        time.Advance(TimeSpan.FromMinutes(59));
        Assert.Equal("k8s:service:payments:settler", await Check(validator));
        time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal("unavailable", await Check(validator));
        down = false;
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal("k8s:service:payments:settler", await Check(validator));
    }

    [Fact]
    public async Task An_issuer_that_hangs_holds_nobody_up_for_long()
    {
        using var validator = Make();
        hangs = true;
        var waiting = Check(validator);
        await GatewayTests.Support.Eventually.Get(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return Task.FromResult(waiting.IsCompleted ? "yes" : null);
        });
        Assert.Equal("unavailable", await waiting);
    }
}
