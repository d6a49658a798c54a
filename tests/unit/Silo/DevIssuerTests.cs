using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using JitGrains.Identity;
using JitGrains.Silo;
using JitGrains.Silo.DevIssuer;
using JitGrains.Silo.Identity;
using JitGrains.Silo.Secrets;
using JitGrains.TestSupport;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace JitGrains.UnitTests.Silo;

[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class DevIssuerTests : IAsyncLifetime
{
    private readonly TempFolder temp = new();
    private readonly ManualTime time = new();
    private readonly HttpClient client = new();
    private WebApplication app = null!;
    private DevelopmentIssuer issuer = null!;
    private TokenValidator validator = null!;

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        app = builder.Build();
        issuer = DevelopmentIssuer.Open(DataFolder.Open(temp.Data));
        DevIssuerEndpoints.Map(app, issuer, time, new RandomIdGenerator());
        await app.StartAsync();
        validator = new TokenValidator([], time, NullLogger<TokenValidator>.Instance);
        validator.Trust(issuer.ListenAt(new Uri(app.Urls.Single())));
    }

    public async Task DisposeAsync()
    {
        client.Dispose();
        validator.Dispose();
        issuer.Dispose();
        await app.DisposeAsync();
        temp.Dispose();
    }

    private JsonNode Stored() => JsonNode.Parse(File.ReadAllText(Path.Combine(temp.Data, "dev-issuer.json")))!;

    private async Task<(HttpStatusCode Status, JsonNode Body)> Ask(params (string, string)[] form)
    {
        using var content = new FormUrlEncodedContent(form.Select(f => KeyValuePair.Create(f.Item1, f.Item2)));
        var answer = await client.PostAsync(Stored()["token_endpoint"]!.GetValue<string>(), content);
        return (answer.StatusCode, (await answer.Content.ReadFromJsonAsync<JsonNode>())!);
    }

    private string Secret => Stored()["client_secret"]!.GetValue<string>();

    private (string, string)[] Good(string client) => [("grant_type", "client_credentials"), ("client_id", client), ("client_secret", Secret)];

    [Theory]
    [InlineData("alice", "dev:engineering")]
    [InlineData("bob", "dev:managers")]
    [InlineData("carol", "dev:managers")]
    [InlineData("dave", "dev:auditors")]
    public async Task Its_tokens_are_verified_like_those_of_any_issuer(string name, string group)
    {
        var (status, body) = await Ask(Good(name));
        Assert.Equal(HttpStatusCode.OK, status);
        var caller = Assert.IsType<TokenResult.Valid>(await validator.ValidateAsync(new Credentials($"Bearer {body["access_token"]}"), time.GetUtcNow(), CancellationToken.None)).Caller;
        Assert.Equal($"dev:user:{name}", caller.Key);
        Assert.Equal([group], caller.Groups);
        time.Advance(TimeSpan.FromMinutes(61));
        Assert.IsType<TokenResult.Invalid>(await validator.ValidateAsync(new Credentials($"Bearer {body["access_token"]}"), time.GetUtcNow(), CancellationToken.None));
    }

    [Fact]
    public async Task An_agent_acts_for_a_person()
    {
        var (_, body) = await Ask([.. Good("alice"), ("act", "agent:triage-bot"), ("act", "service:runner")]);
        var caller = Assert.IsType<TokenResult.Valid>(await validator.ValidateAsync(new Credentials($"Bearer {body["access_token"]}"), time.GetUtcNow(), CancellationToken.None)).Caller;
        Assert.Equal("dev:user:alice^dev:agent:triage-bot^dev:service:runner", caller.Key);
    }

    [Fact]
    public async Task Bad_asks_are_answered_as_OAuth_says()
    {
        async Task Refused(string error, HttpStatusCode status, params (string, string)[] form)
        {
            var answer = await Ask(form);
            Assert.Equal((status, error), (answer.Status, answer.Body["error"]!.GetValue<string>()));
        }

        await Refused("unsupported_grant_type", HttpStatusCode.BadRequest, ("grant_type", "password"));
        await Refused("invalid_client", HttpStatusCode.Unauthorized, Good("mallory"));
        await Refused("invalid_client", HttpStatusCode.Unauthorized, ("grant_type", "client_credentials"), ("client_id", "alice"), ("client_secret", "wrong"));
        await Refused("invalid_client", HttpStatusCode.Unauthorized, ("grant_type", "client_credentials"), ("client_id", "alice"));
        await Refused("invalid_request", HttpStatusCode.BadRequest, [.. Good("alice"), ("client_id", "bob")]);
        await Refused("invalid_request", HttpStatusCode.BadRequest, [.. Good("alice"), ("act", "king:arthur")]);
        await Refused("invalid_request", HttpStatusCode.BadRequest, [.. Good("alice"), ("act", "agent:a^b")]);
        await Refused("invalid_request", HttpStatusCode.BadRequest, [.. Good("alice"), .. Enumerable.Range(0, 6).Select(i => ("act", $"agent:a{i}"))]);
        await Refused("invalid_request", HttpStatusCode.BadRequest, [.. Good("alice"), ("x", new string('x', 9000))]);
        var json = await client.PostAsJsonAsync(Stored()["token_endpoint"]!.GetValue<string>(), new { grant_type = "client_credentials" });
        Assert.Equal(HttpStatusCode.BadRequest, json.StatusCode);
    }

    [Fact]
    public async Task Its_name_and_key_survive_a_restart_and_belong_to_the_data_folder()
    {
        var (_, body) = await Ask(Good("alice"));
        using (var again = DevelopmentIssuer.Open(DataFolder.Open(temp.Data)))
            Assert.Equal((issuer.Path, issuer.KeyId), (again.Path, again.KeyId));

        using var elsewhere = DevelopmentIssuer.Open(DataFolder.Open(Path.Combine(temp.Root, "other")));
        Assert.NotEqual(issuer.Path, elsewhere.Path);
        using var other = new TokenValidator([elsewhere.ListenAt(new Uri(app.Urls.Single()))], time, NullLogger<TokenValidator>.Instance);
        var refused = Assert.IsType<TokenResult.Invalid>(await other.ValidateAsync(new Credentials($"Bearer {body["access_token"]}"), time.GetUtcNow(), CancellationToken.None));
        Assert.Equal(TokenCodes.Issuer, refused.Code);
    }

    [Fact]
    public void Its_files_are_private_and_damage_is_told()
    {
        Assert.All(Directory.GetFiles(temp.Data), f => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(f)));
        File.WriteAllText(Path.Combine(temp.Data, "dev-issuer.json"), "{");
        Assert.Throws<StartupException>(() => DevelopmentIssuer.Open(DataFolder.Open(temp.Data)));
    }
}
