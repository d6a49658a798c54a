using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using JitGrains.Approvals;
using JitGrains.Gateways;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Policy;
using JitGrains.Principals;
using JitGrains.Runtime.Engine;
using JitGrains.Silo;
using JitGrains.Silo.Identity;
using JitGrains.Silo.Notifications;
using JitGrains.Silo.Policies;
using JitGrains.Silo.Revocation;
using JitGrains.Silo.Secrets;
using JitGrains.TestSupport;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace JitGrains.UnitTests.Silo;

/// <summary>A control plane on loopback: real HTTP, real tokens, the engine on its memory store, time by hand.</summary>
internal sealed class SiloHost : IAsyncDisposable
{
    private readonly TempFolder temp;
    private readonly WebApplication app;
    private readonly TestIssuer issuer;
    private readonly KeyRing keys;
    private readonly HttpClient client;

    private SiloHost(TempFolder temp, WebApplication app, TestIssuer issuer, KeyRing keys, ManualTime time, GatewayStandIn gateway)
    {
        (this.temp, this.app, this.issuer, this.keys, Time, Gateway) = (temp, app, issuer, keys, time, gateway);
        client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
    }

    public ManualTime Time { get; }

    public TestIssuer Issuer => issuer;

    public GatewayStandIn Gateway { get; }

    public IServiceProvider Services => app.Services;

    public string PolicyPath => Path.Combine(temp.Root, "policy.yaml");

    public Uri Address => client.BaseAddress!;

    public const string Policy = """
        version: 1
        realm: dev
        groups:
          engineering: {}
          managers: {}
        apis:
          orders:
            upstreams: ["http://127.0.0.1:9"]
            prefix: /orders
            actions:
              orders.read: { methods: [GET], path: "/orders/{order}", access: read }
              orders.refund: { methods: [POST], path: "/orders/{order}/refunds", access: write }
        rules:
          - name: read-orders
            who: { groups: [engineering] }
            actions: { names: [orders.read] }
            effect: allow
          - name: refunds
            who: { groups: [engineering] }
            actions: { names: [orders.refund] }
            effect: approve
            approve:
              stages: [{ name: manager, groups: [managers], quorum: 1 }]
              uses: once
        """;

    public static async Task<SiloHost> StartAsync(WebhookOptions? webhook = null, Uri? otlp = null, bool policyInStore = false, Func<SiloOptions, string, SiloOptions>? configure = null)
    {
        var folder = new TempFolder();
        var time = new ManualTime();
        var tokens = await TestIssuer.StartAsync();
        var ring = KeyRing.Open(DataFolder.Open(folder.Data));
        var gateway = new GatewayStandIn();
        await File.WriteAllTextAsync(Path.Combine(folder.Root, "policy.yaml"), Policy);

        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddSingleton<TimeProvider>(time);
        var options = new SiloOptions
        {
            Issuers = [new IssuerOptions { Realm = "dev", Issuer = tokens.Issuer, Audiences = ["jitgrains"], Algorithms = ["ES256"] }],
            Operators = ["dev:operators"],
            Auditors = ["dev:auditors"],
            Policy = Path.Combine(folder.Root, "policy.yaml"),
            PublicUrl = new Uri("https://jit.example.com/"),
            Webhook = webhook,
            OtlpEndpoint = otlp,
            PolicyInStore = policyInStore,
        };
        builder.Services.AddSilo(configure?.Invoke(options, tokens.Issuer) ?? options, ring, o => o.UseMemory = true);
        builder.Services.AddSingleton<IInvalidationService>(gateway);
        var web = builder.Build();
        web.UseSilo();
        await web.StartAsync();
        return new SiloHost(folder, web, tokens, ring, time, gateway);
    }

    public string Token(string who, string[]? groups = null, string? act = null)
    {
        var claims = issuer.Claims(Time.GetUtcNow());
        claims["sub"] = who;
        claims["groups"] = new JsonArray([.. (groups ?? GroupsOf(who)).Select(g => JsonValue.Create(g))]);
        if (act is not null)
            claims["act"] = new JsonObject { ["sub"] = act };
        return issuer.Sign(claims);
    }

    public async Task<Answer> Send(string? token, string method, string path, string? body = null, string contentType = "application/json")
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        }

        using var response = await client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        var json = text.Length > 0 && response.Content.Headers.ContentType?.MediaType?.EndsWith("json", StringComparison.Ordinal) == true ? JsonNode.Parse(text) : null;
        return new Answer((int)response.StatusCode, json, text, response.Content.Headers.ContentType?.MediaType, response.Headers.WwwAuthenticate.ToString());
    }

    public Task<Answer> As(string who, string method, string path, string? body = null) => Send(Token(who), method, path, body);

    /// <summary>Raises an ask as the gateway would, and waits until its grain has it.</summary>
    public async Task<string> Raise(Ask ask)
    {
        var grains = Services.GetRequiredService<IGrainFactory>();
        var reply = await grains.GetGrain<IPrincipalGrain>(ask.CallerKey).Ask(new AskCommand(ask, null));
        await Idle();
        return reply.Value!.RequestId;
    }

    /// <summary>An ask as a gateway makes it by the policy in force.</summary>
    public Ask AskByPolicy(int n = 1)
    {
        var policy = Services.GetRequiredService<IPolicyProvider>().Current;
        var (api, action) = policy.FindAction("orders.refund")!.Value;
        var caller = new Caller { Principal = Sample.Alice, Groups = ["dev:engineering"], TokenIssuedAt = Time.GetUtcNow(), TokenExpiresAt = Time.GetUtcNow().AddHours(1) };
        var terms = Assert.IsType<PolicyDecision.Approve>(policy.Evaluate(new PolicyInput { Caller = caller, Api = api, Action = action, Now = Time.GetUtcNow() })).Terms;
        return Sample.Ask(n) with
        {
            Access = action.Access,
            Sensitivity = action.Sensitivity,
            Binding = action.Binding,
            PayloadDigest = action.Binding == BindingKind.Payload ? "digest" : null,
            Terms = terms,
            Uses = terms.DefaultUses,
            Window = terms.DefaultWindow,
        };
    }

    public Task Idle() => Services.GetRequiredService<IOutboxPump>().WhenIdleAsync();

    /// <summary>Votes as somebody who has just read the request.</summary>
    public async Task<Answer> Vote(string who, string request, string decision = "approve")
    {
        var seen = await As(who, "GET", $"/api/v1/requests/{request}");
        var digest = seen.Json?["request"]?["digest"]?.GetValue<string>() ?? "none";
        var answer = await As(who, "POST", $"/api/v1/requests/{request}/votes", $$"""{"decision":"{{decision}}","digest":"{{digest}}"}""");
        await Idle();
        return answer;
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await app.DisposeAsync();
        await issuer.DisposeAsync();
        keys.Dispose();
        temp.Dispose();
    }

    private static string[] GroupsOf(string who) => who switch
    {
        "alice" => ["engineering"],
        "bob" or "carol" => ["managers"],
        "dave" => ["auditors"],
        "olga" => ["operators"],
        _ => [],
    };

    internal sealed record Answer(int Status, JsonNode? Json, string Text, string? ContentType, string Challenge)
    {
        public string? Problem => ContentType == "application/problem+json" ? Json!["type"]!.GetValue<string>()["https://jitgrains.dev/problems/".Length..] : null;

        public string? Field => Json?["field"]?.GetValue<string>();
    }

    internal sealed class GatewayStandIn : IInvalidationService
    {
        public ConcurrentQueue<(string CallerKey, string[] Grants)> Told { get; } = new();

        public Task<InvalidationResult> InvalidateAsync(Invalidation what, string? told, CancellationToken cancellationToken)
        {
            if (what is Invalidation.Grants grants)
                Told.Enqueue((grants.CallerKey, [.. grants.GrantIds]));
            return Task.FromResult(new InvalidationResult(1, 0));
        }
    }
}
