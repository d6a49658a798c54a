using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using JitGrains.Gateway.Hosting;
using JitGrains.TestSupport;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace JitGrains.GatewayTests.Support;

/// <summary>
/// The real host on free ports over a data folder of its own: real listeners, real tokens of the development issuer, the
/// real store. Only the time may be by hand.
/// </summary>
internal sealed class GatewayFixture : IAsyncDisposable
{
    private readonly WebApplication web;
    private readonly HttpClient client = new(new SocketsHttpHandler { MaxConnectionsPerServer = 512 }) { Timeout = TimeSpan.FromMinutes(2) };

    private bool keep;

    private GatewayFixture(WebApplication web, string folder, ManualTime? time)
    {
        this.web = web;
        Folder = folder;
        Time = time;
    }

    /// <summary>The folder with data and policy.</summary>
    public string Folder { get; }

    public ManualTime? Time { get; }

    public IServiceProvider Services => web.Services;

    public Uri Gateway => web.Services.GetRequiredService<Listeners>().Address(ListenerRole.Gateway)!;

    public Uri Http2 => web.Services.GetRequiredService<Listeners>().Http2Address!;

    public Uri Control => web.Services.GetRequiredService<Listeners>().Address(ListenerRole.ControlPlane)!;

    public Uri Sample => web.Services.GetRequiredService<Listeners>().Address(ListenerRole.SampleUpstream)!;

    /// <summary>Starts it. The policy names its upstream <c>$UPSTREAM</c>.</summary>
    public static async Task<GatewayFixture> Start(
        Uri? upstream = null, string? policy = null, ManualTime? time = null, string? folder = null, Action<IServiceCollection>? configure = null, bool keep = false,
        IReadOnlyDictionary<string, string>? settings = null, params string[] args)
    {
        folder ??= Directory.CreateTempSubdirectory("jitgrains-test-").FullName;
        var policyFile = Path.Combine(folder, "policy.yaml");
        // The sample upstream's port is known only later; nothing answers on the reserved port 9.
        var text = (policy ?? Policies.Orders).Replace("$UPSTREAM", (upstream ?? new Uri("http://127.0.0.1:9")).GetLeftPart(UriPartial.Authority), StringComparison.Ordinal);
        await File.WriteAllTextAsync(policyFile, text);
        // A test machine that is late with everything must not have calls turned away that the test waits for.
        var patient = new Dictionary<string, string>(settings ?? new Dictionary<string, string>(), StringComparer.Ordinal);
        patient.TryAdd("MaxDelay", "01:00:00");
        var app = GatewayHost.Build(
            ["--quickstart", "--data", Path.Combine(folder, "data"), "--policy", policyFile, "--port", "0", "--control-port", "0", "--sample-port", "0", "--http2-port", "0", .. args],
            builder =>
            {
                if (Environment.GetEnvironmentVariable("JITGRAINS_TEST_LOG") is null)
                    builder.Logging.ClearProviders();
                else
                    builder.Logging.SetMinimumLevel(LogLevel.Debug);
                if (time is not null)
                    builder.Services.Replace(ServiceDescriptor.Singleton<TimeProvider>(time));
                configure?.Invoke(builder.Services);
            },
            patient);
        await GatewayHost.StartAsync(app);
        return new GatewayFixture(app, folder, time) { keep = keep };
    }

    /// <summary>Another policy comes into force.</summary>
    public async Task Reload(string policy)
    {
        await File.WriteAllTextAsync(Path.Combine(Folder, "policy.yaml"), policy);
        var provider = Services.GetRequiredService<JitGrains.Silo.Policies.PolicyProvider>();
        // A change is taken on when it was seen twice.
        await provider.LookAsync();
        await provider.LookAsync();
        Assert.False(provider.Status.Degraded, string.Join('\n', provider.Status.Problems));
    }

    /// <summary>Begins a graceful stop; awaiting it awaits its end.</summary>
    public Task Stop() => web.StopAsync();

    /// <summary>A token for alice, bob, carol or dave.</summary>
    public async Task<string> Token(string name, string? agent = null)
    {
        var issuer = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(Folder, "data", "dev-issuer.json")))!;
        var form = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = name,
            ["client_secret"] = issuer["client_secret"]!.GetValue<string>(),
        };
        if (agent is not null)
            form["act"] = agent;
        using var content = new FormUrlEncodedContent(form);
        using var response = await client.PostAsync(new Uri(issuer["token_endpoint"]!.GetValue<string>()), content);
        return JsonNode.Parse(await response.Content.ReadAsStringAsync())!["access_token"]!.GetValue<string>();
    }

    /// <summary>Sends a call to the gateway and reads its answer.</summary>
    public async Task<Answer> Send(string method, string path, string? token = null, object? json = null, params (string Name, string Value)[] headers)
    {
        using var request = Request(method, new Uri(Gateway, path), token, json, headers);
        return await Answer.Of(await client.SendAsync(request));
    }

    /// <summary>Sends a call to the control plane and reads its answer.</summary>
    public async Task<Answer> Approver(string method, string path, string token, object? json = null)
    {
        using var request = Request(method, new Uri(Control, "/api/v1/" + path), token, json);
        return await Answer.Of(await client.SendAsync(request));
    }

    public static HttpRequestMessage Request(string method, Uri uri, string? token, object? json, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), uri);
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        if (json is not null)
            request.Content = new StringContent(json as string ?? System.Text.Json.JsonSerializer.Serialize(json), Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
        return request;
    }

    /// <summary>The one pending request, as soon as there is one.</summary>
    public async Task<string> PendingRequest(string approver) =>
        await Eventually.Get(async () => (await Approver("GET", "requests?status=pending", approver)).Json["items"]!.AsArray() is [{ } only] ? only["id"]!.GetValue<string>() : null);

    /// <summary>Votes on a request, quoting its digest.</summary>
    public async Task<Answer> Vote(string approver, string request, string decision = "approve")
    {
        var shown = await Approver("GET", $"requests/{request}", approver);
        return await Approver("POST", $"requests/{request}/votes", approver, new { decision, digest = shown.Json["request"]!["digest"]!.GetValue<string>() });
    }

    /// <summary>Waits until the caller sees its request with this status.</summary>
    public async Task Settled(string caller, string request, string status = "approved") =>
        await Eventually.Get(async () => (await Send("GET", $"/.jit/requests/{request}", caller)).Json["status"]!.GetValue<string>() == status ? status : null);

    /// <summary>Asks ahead and has it approved; the request's id.</summary>
    public async Task<string> Granted(string caller, string approver, object ask)
    {
        var task = await Send("POST", "/.jit/requests", caller, ask);
        Assert.Equal(HttpStatusCode.Created, task.Status);
        var id = task.Json["id"]!.GetValue<string>();
        Assert.Equal(HttpStatusCode.OK, (await Vote(approver, id)).Status);
        await Settled(caller, id);
        return id;
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await web.StopAsync();
        await web.DisposeAsync();
        if (!keep)
            Directory.Delete(Folder, recursive: true);
    }
}

/// <summary>An answer, read.</summary>
internal sealed record Answer(HttpStatusCode Status, HttpResponseMessage Response, string Body)
{
    public JsonNode Json => JsonNode.Parse(Body)!;

    /// <summary>The problem's name, or null where it is no problem.</summary>
    public string? Problem => Response.Content.Headers.ContentType?.MediaType == "application/problem+json" ? Json["type"]!.GetValue<string>()[(Json["type"]!.GetValue<string>().LastIndexOf('/') + 1)..] : null;

    public string? Header(string name) =>
        Response.Headers.NonValidated.TryGetValues(name, out var values) || Response.Content.Headers.NonValidated.TryGetValues(name, out values) ? values.ToString() : null;

    public static async Task<Answer> Of(HttpResponseMessage response) => new(response.StatusCode, response, await response.Content.ReadAsStringAsync());
}

/// <summary>
/// Waits for what is bound to come, looking again and again: no test depends on how long anything takes. It counts looks, not time:
/// a machine that stands still for half a minute uses none of them up.
/// </summary>
internal static class Eventually
{
    private const int Looks = 6000;

    public static async Task<T> Get<T>(Func<Task<T?>> look)
        where T : class
    {
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        for (var looks = 0; looks < Looks; looks++)
        {
            if (await look() is { } found)
                return found;
            await pause.WaitForNextTickAsync();
        }

        throw new TimeoutException($"It did not come in {Looks} looks.");
    }

    public static Task Holds(Func<bool> condition) => Get(() => Task.FromResult(condition() ? "yes" : null));
}
