using System.Collections.Concurrent;
using JitGrains.Silo;
using JitGrains.Silo.Notifications;
using JitGrains.Silo.Secrets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace JitGrains.UnitTests.Silo;

public sealed class SiloOptionsTests
{
    private static SiloOptions Read(List<string> problems, params (string Key, string Value)[] settings) =>
        SiloOptions.Read(new ConfigurationBuilder().AddInMemoryCollection(settings.Select(s => KeyValuePair.Create(s.Key, (string?)s.Value))).Build(), problems);

    [Fact]
    public void Settings_are_read_whole()
    {
        var problems = new List<string>();
        var options = Read(
            problems,
            ("Issuers:0:Realm", "corp"),
            ("Issuers:0:Issuer", "https://issuer.example.com"),
            ("Issuers:0:Audiences:0", "jitgrains"),
            ("Issuers:0:Algorithms:0", "RS256"),
            ("Issuers:0:ClockSkew", "00:00:10"),
            ("Operators:0", "corp:operators"),
            ("Auditors:0", "corp:auditors"),
            ("PublicUrl", "https://jit.example.com"),
            ("AnswerUrl", "https://silo-1.example.com:8081"),
            ("Policy", "/etc/jitgrains/policy"),
            ("Webhook:Url", "https://hooks.example.com/jit"),
            ("Webhook:SecretVariable", "JIT_WEBHOOK_SECRET"),
            ("Webhook:Retries:0", "00:00:01"),
            ("Webhook:Retries:1", "00:01:00"),
            ("OtlpEndpoint", "http://127.0.0.1:4317"));
        Assert.Empty(problems);
        Assert.Empty(options.Problems());
        Assert.Equal(["RS256"], options.Issuers.Single().Algorithms);
        Assert.Equal(TimeSpan.FromSeconds(10), options.Issuers.Single().ClockSkew);
        Assert.Equal([TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1)], options.Webhook!.Retries);
        Assert.Equal(9, new WebhookOptions().Waits.Count);
        Assert.Equal("corp:operators", options.Operators.Single());
        Assert.NotNull(options.OtlpEndpoint);
    }

    [Fact]
    public void What_is_wrong_with_sign_in_is_told_too()
    {
        var problems = new List<string>();
        var options = Read(
            problems,
            ("Issuers:0:Realm", "corp"),
            ("Issuers:0:Issuer", "https://issuer.example.com"),
            ("Issuers:0:Audiences:0", "jitgrains"),
            ("Policy", "/etc/jitgrains/policy"),
            ("PublicUrl", "https://jit.example.com/console"),
            ("SignIn:Idle", "09:00:00"),
            ("SignIn:Lifetime", "08:00:00"),
            ("SignIn:Providers:0:Realm", "corp"),
            ("SignIn:Providers:0:Scopes", "groups"),
            ("SignIn:Providers:1:Realm", "elsewhere"),
            ("SignIn:Providers:1:ClientId", "jit"),
            ("SignIn:Providers:1:ClientSecretFile", "/run/secrets/a"),
            ("SignIn:Providers:1:ClientSecretVariable", "A"),
            ("SignIn:Providers:1:CliToken", "refresh_token"));
        Assert.Empty(problems);
        var said = options.Problems();
        string[] expected =
        [
            "SignIn:Idle", "PublicUrl has no path", "SignIn:Providers:0: name a ClientId", "SignIn:Providers:0:Scopes",
            "SignIn:Providers:1:Realm", "SignIn:Providers:1: name ClientSecretFile or", "SignIn:Providers:1:CliToken",
        ];
        Assert.All(expected, text => Assert.Contains(said, p => p.Contains(text, StringComparison.Ordinal)));
        Assert.Equal(expected.Length, said.Count);
    }

    [Fact]
    public void Every_problem_is_told()
    {
        var problems = new List<string>();
        var options = Read(
            problems,
            ("Issuers:0:Realms", "corp"),
            ("Operators:0", "operators"),
            ("PublicUrl", "jit.example.com"),
            ("Webhook:Urls", "x"));
        Assert.Equal(3, problems.Count);
        Assert.Equal(2, options.Problems().Count);
        using var temp = new TempFolder();
        using var keys = KeyRing.Open(DataFolder.Open(temp.Data));
        var e = Assert.Throws<StartupException>(() => new ServiceCollection().AddSilo(options, keys, o => o.UseMemory = true));
        Assert.Equal(3, e.Problems.Count);
    }

    [Theory]
    [InlineData("ftp://silo-1.example.com", ProcessRole.Silo, "AnswerUrl is an absolute")]
    [InlineData("https://alice@silo-1.example.com", ProcessRole.Silo, "AnswerUrl is an absolute")]
    [InlineData("https://silo-1.example.com?x", ProcessRole.Silo, "AnswerUrl is an absolute")]
    [InlineData("https://silo-1.example.com", ProcessRole.Gateway, "AnswerUrl is for silos")]
    public void Where_a_silo_is_answered_is_an_address_and_a_silos(string url, ProcessRole role, string problem)
    {
        var options = new SiloOptions { Policy = "policy.yaml", AnswerUrl = new Uri(url), Role = role };
        Assert.StartsWith(problem, Assert.Single(options.Problems()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Telemetry_goes_where_it_is_configured_to_go()
    {
        var calls = new ConcurrentQueue<string>();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(System.Net.IPAddress.Loopback, 0, l => l.Protocols = HttpProtocols.Http2));
        await using var collector = builder.Build();
        collector.MapFallback(async (HttpContext http) =>
        {
            await http.Request.Body.CopyToAsync(Stream.Null);
            calls.Enqueue(http.Request.Path);
            http.Response.ContentType = "application/grpc";
            await http.Response.Body.WriteAsync(new byte[5]);
            http.Response.AppendTrailer("grpc-status", "0");
        });
        await collector.StartAsync();

        await using (var host = await SiloHost.StartAsync(otlp: new Uri(collector.Urls.Single())))
            await host.As("alice", "GET", "/api/v1/requests");
        Assert.Contains(calls, c => c.Contains("MetricsService", StringComparison.Ordinal));
        Assert.Contains(calls, c => c.Contains("TraceService", StringComparison.Ordinal));
    }
}
