using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using JitGrains.Gateway.Hosting;
using JitGrains.GatewayTests.Support;
using JitGrains.Runtime.Engine;
using JitGrains.TestSupport;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace JitGrains.GatewayTests.Clusters;

/// <summary>One silo and two gateways, each a host of its own with its role's login, over one PostgreSQL database.</summary>
internal sealed class ClusterFixture : IAsyncDisposable
{
    private readonly HttpClient client = new(new SocketsHttpHandler { MaxConnectionsPerServer = 512 }) { Timeout = TimeSpan.FromMinutes(2) };
    private readonly List<WebApplication> hosts = [];
    private readonly string folder = Directory.CreateTempSubdirectory("jitgrains-test-").FullName;

    public IServiceProvider GatewayServices(int gateway) => hosts[gateway + 1].Services;

    public WebApplication Silo => hosts[0];

    public Uri Control => Address(Silo, ListenerRole.ControlPlane);

    public IReadOnlyList<Uri> Gateways => [.. hosts.Skip(1).Select(h => Address(h, ListenerRole.Gateway))];

    public static async Task<ClusterFixture> Start(string policy, Uri upstream)
    {
        var server = await PostgresServer.SharedAsync();
        var owner = await server.CreateDatabaseAsync();
        // Makes the schema, and with it the roles whose members the logins are.
        await KeyStores.InDatabase(o => o.Database = owner).AddAsync([]);
        var (silo, gateway) = (await server.CreateLoginAsync(owner, "jitgrains_silo"), await server.CreateLoginAsync(owner, "jitgrains_gateway"));

        var cluster = new ClusterFixture();
        var file = Path.Combine(cluster.folder, "policy.yaml");
        await File.WriteAllTextAsync(file, policy.Replace("$UPSTREAM", upstream.GetLeftPart(UriPartial.Authority), StringComparison.Ordinal));
        var port = FreePort();
        var issuer = $"http://127.0.0.1:{port}";
        await cluster.Add(silo, issuer, "--role", "silo", "--policy", file, "--data", Path.Combine(cluster.folder, "data"), "--control-port", $"{port}");
        await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => cluster.Add(gateway, issuer, "--role", "gateway", "--port", "0")));
        return cluster;
    }

    /// <summary>A token of the issuer that the silo runs.</summary>
    public async Task<string> Token(string name)
    {
        var issuer = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(folder, "data", "dev-issuer.json")))!;
        using var content = new FormUrlEncodedContent(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = name,
            ["client_secret"] = issuer["client_secret"]!.GetValue<string>(),
        });
        using var response = await client.PostAsync(new Uri(issuer["token_endpoint"]!.GetValue<string>()), content);
        return JsonNode.Parse(await response.Content.ReadAsStringAsync())!["access_token"]!.GetValue<string>();
    }

    /// <summary>Sends a call to a gateway.</summary>
    public async Task<Answer> Send(int gateway, string method, string path, string token, object? json = null, params (string Name, string Value)[] headers)
    {
        using var request = GatewayFixture.Request(method, new Uri(Gateways[gateway], path), token, json, headers);
        // As by one address in front of all: to whom a call is addressed is a part of what is approved.
        request.Headers.Host = "cluster.example.com";
        return await Answer.Of(await client.SendAsync(request));
    }

    /// <summary>Sends a call to the silo.</summary>
    public async Task<Answer> Approver(string method, string path, string token, object? json = null)
    {
        using var request = GatewayFixture.Request(method, new Uri(Control, "/api/v1/" + path), token, json);
        return await Answer.Of(await client.SendAsync(request));
    }

    /// <summary>Votes on a request as soon as it is there.</summary>
    public async Task Vote(string approver, string? request = null)
    {
        request ??= await Eventually.Get(async () =>
            (await Approver("GET", "requests?status=pending", approver)).Json["items"]!.AsArray() is [{ } only] ? only["id"]!.GetValue<string>() : null);
        var shown = await Approver("GET", $"requests/{request}", approver);
        var vote = await Approver("POST", $"requests/{request}/votes", approver, new { decision = "approve", digest = shown.Json["request"]!["digest"]!.GetValue<string>() });
        Assert.Equal(HttpStatusCode.OK, vote.Status);
    }

    /// <summary>Stops a gateway in order.</summary>
    public Task Stop(int gateway) => hosts[gateway + 1].StopAsync();

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        foreach (var host in Enumerable.Reverse(hosts))
        {
            await host.StopAsync();
            await host.DisposeAsync();
        }

        Directory.Delete(folder, recursive: true);
    }

    private static Uri Address(WebApplication host, ListenerRole role) => host.Services.GetRequiredService<Listeners>().Address(role)!;

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private async Task Add(string database, string issuer, params string[] args)
    {
        var host = await GatewayHost.BuildAsync(
            ["--quickstart", "--database", database, "--quickstart-issuer", issuer, .. args],
            builder =>
            {
                if (Environment.GetEnvironmentVariable("JITGRAINS_TEST_LOG") is null)
                    builder.Logging.ClearProviders();
            });
        await GatewayHost.StartAsync(host);
        lock (hosts)
            hosts.Add(host);
    }
}
