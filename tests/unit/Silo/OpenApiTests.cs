using System.Text.Json;
using System.Text.Json.Nodes;

namespace JitGrains.UnitTests.Silo;

public sealed class OpenApiTests
{
    /// <summary>Set it to write docs/openapi.json anew after a change of the API that is meant.</summary>
    private const string UpdateVariable = "JITGRAINS_UPDATE_OPENAPI";

    [Fact]
    public async Task The_document_served_is_the_one_checked_in()
    {
        await using var host = await SiloHost.StartAsync();
        var served = (await host.Send(null, "GET", "/openapi/v1.json")).Json!.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n";
        var path = Path.Combine(Root(), "docs", "openapi.json");
        if (Environment.GetEnvironmentVariable(UpdateVariable) is not null)
            await File.WriteAllTextAsync(path, served);
        Assert.True(
            JsonNode.DeepEquals(JsonNode.Parse(await File.ReadAllTextAsync(path)), JsonNode.Parse(served)),
            $"docs/openapi.json is not what is served; if the change is meant, run this test with {UpdateVariable}=1");
    }

    [Fact]
    public async Task Every_endpoint_is_in_it_and_none_of_the_development_issuer()
    {
        await using var host = await SiloHost.StartAsync();
        var paths = (await host.Send(null, "GET", "/openapi/v1.json")).Json!["paths"]!.AsObject().Select(p => p.Key).ToHashSet(StringComparer.Ordinal);
        Assert.Superset(
            new HashSet<string>(
                [
                    "/api/v1/requests", "/api/v1/requests/{id}", "/api/v1/requests/{id}/votes", "/api/v1/grants", "/api/v1/grants/{id}",
                    "/api/v1/principals/{id}/revoke", "/api/v1/audit", "/api/v1/audit/verify", "/api/v1/policy", "/api/v1/explain", "/api/v1/explain/{id}", "/healthz", "/readyz",
                ],
                StringComparer.Ordinal),
            paths);
        Assert.DoesNotContain(paths, p => p.Contains("dev-issuer", StringComparison.Ordinal));
    }

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "JitGrains.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("the tests run outside the repository");
        return folder;
    }
}
