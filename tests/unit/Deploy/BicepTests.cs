using System.Reflection;
using System.Text.Json;

namespace JitGrains.UnitTests.Deploy;

/// <summary>The templates, by the compiler that a deployment uses.</summary>
public sealed class BicepTests
{
    private static readonly string Compiler = typeof(BicepTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "Bicep").Value!;

    private static readonly Lazy<Task<JsonDocument>> Compiled = new(async () =>
    {
        var (code, output, errors) = await Site.RunAsync(Compiler, ["build", "--stdout", Path.Combine(Site.Folder, "main.bicep")]);
        // Warnings are told there too: of properties that a resource does not have, and of secrets that get out.
        Assert.True(code == 0 && errors.Length == 0, errors);
        return JsonDocument.Parse(output);
    });

    [Fact]
    public async Task They_compile_without_a_warning() => Assert.NotNull(await Compiled.Value);

    [Fact]
    public async Task The_example_of_parameters_compiles()
    {
        var made = new Dictionary<string, string> { ["DATABASE_ADMINISTRATOR_PASSWORD"] = new('0', 48) };
        var (code, _, errors) = await Site.RunAsync(Compiler, ["build-params", "--stdout", Path.Combine(Site.Folder, "main.example.bicepparam")], made);
        Assert.True(code == 0 && errors.Length == 0, errors);
    }

    [Fact]
    public async Task Every_parameter_is_described_and_no_secret_has_a_default()
    {
        var seen = 0;
        foreach (var parameter in Templates((await Compiled.Value).RootElement).SelectMany(t => t.TryGetProperty("parameters", out var all) ? all.EnumerateObject() : default))
        {
            seen++;
            Assert.True(parameter.Value.TryGetProperty("metadata", out var about) && about.GetProperty("description").GetString()!.Length > 0, parameter.Name);
            var isSecret = parameter.Value.TryGetProperty("type", out var type) && type.GetString() is "securestring" or "secureString";
            Assert.Equal(parameter.Name.Contains("password", StringComparison.OrdinalIgnoreCase), isSecret);
            Assert.False(isSecret && parameter.Value.TryGetProperty("defaultValue", out _), parameter.Name);
        }

        Assert.True(seen > 50);
    }

    [Fact]
    public async Task What_comes_out_is_what_the_manifests_are_filled_in_with()
    {
        var example = Site.Read("site.example.env").Split("# Of the deployment.")[1].Split('\n').Where(l => l.Contains('=', StringComparison.Ordinal)).Select(l => l.Split('=')[0]);
        Assert.Equal(example.Order(StringComparer.Ordinal), (await Compiled.Value).RootElement.GetProperty("outputs").EnumerateObject().Select(o => o.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_module_is_used()
    {
        var used = Directory.GetFiles(Site.Folder, "*.bicep", SearchOption.AllDirectories).SelectMany(File.ReadLines).Where(l => l.StartsWith("module ", StringComparison.Ordinal)).ToList();
        foreach (var module in Directory.GetFiles(Path.Combine(Site.Folder, "modules")))
            Assert.Contains(used, l => l.Contains($"{Path.GetFileName(module)}'", StringComparison.Ordinal));
    }

    private static IEnumerable<JsonElement> Templates(JsonElement template)
    {
        yield return template;
        if (!template.TryGetProperty("resources", out var resources))
            yield break;
        var all = resources.ValueKind == JsonValueKind.Array ? resources.EnumerateArray().AsEnumerable() : resources.EnumerateObject().Select(r => r.Value);
        foreach (var resource in all)
        {
            if (resource.TryGetProperty("properties", out var properties) && properties.ValueKind == JsonValueKind.Object && properties.TryGetProperty("template", out var nested))
            {
                foreach (var one in Templates(nested))
                    yield return one;
            }
        }
    }
}
