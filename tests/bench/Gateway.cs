using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using JitGrains.TestSupport;

namespace JitGrains.Bench;

/// <summary>The gateway in its quickstart, with the bench's policy, and what its people do.</summary>
internal sealed class Gateway : IAsyncDisposable
{
    private readonly string home;
    private readonly HttpClient http = new();
    private readonly string control;

    private readonly Func<Task<ServerProcess>> start;

    private Gateway(ServerProcess process, Func<Task<ServerProcess>> start, string home, string control)
    {
        Process = process;
        this.start = start;
        this.home = home;
        this.control = control;
    }

    public ServerProcess Process { get; private set; }

    /// <summary>The control plane's address.</summary>
    public string Control => control;

    /// <summary>Starts it.</summary>
    /// <param name="upstream">The upstream's address, which takes the place of the policy's.</param>
    /// <param name="environment">More of its environment.</param>
    /// <param name="text">The policy; <c>policy.yaml</c> where none is given.</param>
    /// <param name="program">Its library or executable; <see cref="GatewayProgram.Path"/> where none is given.</param>
    public static async Task<Gateway> StartAsync(string upstream, IReadOnlyDictionary<string, string>? environment = null, string? text = null, string? program = null)
    {
        var folder = Directory.CreateTempSubdirectory("jitgrains-bench-").FullName;
        var policy = Path.Combine(folder, "policy.yaml");
        text ??= await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "policy.yaml"));
        await File.WriteAllTextAsync(policy, text.Replace("http://127.0.0.1:8082", upstream, StringComparison.Ordinal));
        var (port, controlPort, samplePort) = (ServerProcess.FreePort(), ServerProcess.FreePort(), ServerProcess.FreePort());
        Task<ServerProcess> Start() => ServerProcess.StartAsync(
            program ?? GatewayProgram.Path,
            ["--quickstart", "--data", Path.Combine(folder, "data"), "--policy", policy, "--port", $"{port}", "--control-port", $"{controlPort}", "--sample-port", $"{samplePort}"],
            port,
            environment,
            TimeSpan.FromMilliseconds(2));
        var gateway = new Gateway(await Start(), Start, folder, $"http://127.0.0.1:{controlPort}");
        await gateway.ReadyAsync();
        return gateway;
    }

    /// <summary>A token of the development issuer, for a person or for an agent that acts for one.</summary>
    public async Task<string> TokenAsync(string name, string? agent = null)
    {
        var issuer = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(home, "data", "dev-issuer.json")))!;
        var form = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = name,
            ["client_secret"] = issuer["client_secret"]!.GetValue<string>(),
        };
        if (agent is not null)
            form["act"] = agent;
        using var content = new FormUrlEncodedContent(form);
        using var response = await http.PostAsync(issuer["token_endpoint"]!.GetValue<string>(), content);
        response.EnsureSuccessStatusCode();
        return (await response.Content.ReadFromJsonAsync<JsonNode>())!["access_token"]!.GetValue<string>();
    }

    /// <summary>Asks ahead for an action, and has bob approve it.</summary>
    /// <returns>The grant's id.</returns>
    public async Task<string> GrantAsync(string token, string bob, string action, object terms)
    {
        var ask = new JsonObject { ["action"] = action, ["reason"] = "bench" };
        foreach (var term in JsonNode.Parse(System.Text.Json.JsonSerializer.Serialize(terms))!.AsObject())
            ask[term.Key] = term.Value?.DeepClone();
        var task = await SendAsync(HttpMethod.Post, $"{Process.Url}/.jit/requests", token, ask);
        var id = task["id"]!.GetValue<string>();
        await VoteAsync(bob, id, "approve");
        var settled = await SendAsync(HttpMethod.Get, $"{Process.Url}/.jit/requests/{id}", token, null, wait: 20);
        if (settled["status"]!.GetValue<string>() != "approved")
            throw new InvalidOperationException($"the request for {action} is {settled["status"]}");
        // A grant has its request's id, but for the first letters.
        return $"gr_{id[3..]}";
    }

    /// <summary>Looks at a request and votes on it.</summary>
    public async Task VoteAsync(string approver, string request, string decision)
    {
        var shown = await SendAsync(HttpMethod.Get, $"{control}/api/v1/requests/{request}", approver, null);
        await SendAsync(HttpMethod.Post, $"{control}/api/v1/requests/{request}/votes", approver, new JsonObject { ["decision"] = decision, ["digest"] = shown["request"]!["digest"]!.GetValue<string>() });
    }

    /// <summary>Writes the policy file anew, with another comment at its end: another version.</summary>
    public async Task ChangePolicyAsync(int n)
    {
        var path = Path.Combine(home, "policy.yaml");
        var lines = (await File.ReadAllLinesAsync(path)).Where(l => !l.StartsWith("# version ", StringComparison.Ordinal));
        await File.WriteAllLinesAsync(path + ".new", [.. lines, $"# version {n}"]);
        File.Move(path + ".new", path, overwrite: true);
    }

    /// <summary>Ends the process, at once or as a service manager would, and starts it again over the same data.</summary>
    public async Task RestartAsync(bool kill)
    {
        if (!kill)
            await Process.TerminateAsync();
        await Process.DisposeAsync();
        Process = await start();
        await ReadyAsync();
    }

    /// <summary>The version of the policy in force, for somebody who may see it.</summary>
    public async Task<string> PolicyVersionAsync(string approver) => (await SendAsync(HttpMethod.Get, $"{control}/api/v1/policy", approver, null))["version"]!.GetValue<string>();

    /// <summary>Ends the process as a service manager would; its data stays.</summary>
    public Task StopAsync() => Process.TerminateAsync();

    /// <summary>Starts it anew over the same data, once it was stopped; how long it took from its start until it had a call's answer from the upstream.</summary>
    public async Task<TimeSpan> TimeStartAsync(string path, string token)
    {
        await Process.DisposeAsync();
        var began = Stopwatch.GetTimestamp();
        Process = await start();
        using var ticks = new PeriodicTimer(TimeSpan.FromMilliseconds(2));
        while (Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(30))
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, Process.Url + path);
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            using var response = await http.SendAsync(request);
            if (response.IsSuccessStatusCode)
                return Stopwatch.GetElapsedTime(began);
            await ticks.WaitForNextTickAsync();
        }

        throw new InvalidOperationException("the gateway does not get ready");
    }

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        http.Dispose();
        Directory.Delete(home, recursive: true);
    }

    private async Task ReadyAsync()
    {
        using var ticks = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        for (var i = 0; i < 200; i++)
        {
            // The issuer's address is known, and written down, a moment after the listeners are there.
            using var response = await http.GetAsync($"{Process.Url}/.jit/readyz");
            var issuer = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(home, "data", "dev-issuer.json")))!;
            if (response.IsSuccessStatusCode && issuer["token_endpoint"] is not null)
                return;
            await ticks.WaitForNextTickAsync();
        }

        throw new InvalidOperationException("the gateway does not get ready");
    }

    private async Task<JsonNode> SendAsync(HttpMethod method, string url, string token, JsonNode? body, int? wait = null)
    {
        using var request = new HttpRequestMessage(method, url);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (wait is not null)
            request.Headers.Add("Prefer", $"wait={wait}");
        if (body is not null)
            request.Content = JsonContent.Create(body);
        using var response = await http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return response.IsSuccessStatusCode ? JsonNode.Parse(text)! : throw new InvalidOperationException($"{method} {url}: {(int)response.StatusCode} {text}");
    }
}
