using System.Diagnostics;
using YamlDotNet.RepresentationModel;

namespace JitGrains.UnitTests.Deploy;

/// <summary>deploy/azure as <c>deploy render</c> fills it in for the example site. Immutable and thread-safe.</summary>
internal sealed class Site
{
    private static readonly Lazy<Task<Site>> Shown = new(RenderAsync);

    private Site(string text) => (Text, Objects) = (text, [.. Parse(text)]);

    /// <summary>The folder itself.</summary>
    public static string Folder { get; } = Path.Combine(FindRoot(), "deploy", "azure");

    public static string Root { get; } = FindRoot();

    /// <summary>All manifests.</summary>
    public string Text { get; }

    public IReadOnlyList<YamlMappingNode> Objects { get; }

    public static Task<Site> ExampleAsync() => Shown.Value;

    public static string Read(string path) => File.ReadAllText(Path.Combine(Folder, path));

    public YamlMappingNode Find(string kind, string name) =>
        Objects.Single(o => o.Text("kind") == kind && o.Map("metadata").Text("name") == name);

    /// <summary>Every container with the pod it is in, those that run before others too.</summary>
    public IEnumerable<(string Workload, YamlMappingNode Pod, YamlMappingNode Container)> Containers() =>
        from o in Objects
        let spec = o.Text("kind") switch
        {
            "Deployment" or "Job" => o.Map("spec"),
            "CronJob" => o.Map("spec").Map("jobTemplate").Map("spec"),
            _ => null,
        }
        where spec is not null
        let pod = spec.Map("template").Map("spec")
        from container in pod.List("initContainers").Concat(pod.List("containers"))
        select (o.Map("metadata").Text("name")!, pod, container);

    /// <summary>What a container's environment has: config maps, then its own.</summary>
    public IReadOnlyDictionary<string, string> EnvironmentOf(YamlMappingNode container)
    {
        var all = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var source in container.List("envFrom"))
        {
            foreach (var (name, value) in Find("ConfigMap", source.Map("configMapRef").Text("name")!).Map("data"))
                all[$"{name}"] = $"{value}";
        }

        foreach (var one in container.List("env"))
            all[one.Text("name")!] = one.Text("value") ?? "pod";
        return all;
    }

    /// <summary>Runs a program of the repository, with what it says.</summary>
    public static async Task<(int Code, string Output, string Errors)> RunAsync(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false, WorkingDirectory = Root };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, errors);
    }

    /// <summary>The example's two halves, as the script wants them: what its operator says, and what the deployment made.</summary>
    public static void WriteTo(string folder)
    {
        var halves = Read("site.example.env").Split("# Of the deployment.");
        File.WriteAllText(Path.Combine(folder, "site.env"), halves[0]);
        File.WriteAllText(Path.Combine(folder, "outputs.env"), halves[1]);
    }

    private static async Task<Site> RenderAsync()
    {
        using var folder = new Silo.TempFolder();
        WriteTo(folder.Root);
        var (code, output, errors) = await RunAsync("bash", [Path.Combine(Folder, "deploy"), "render"], new Dictionary<string, string> { ["SITE"] = folder.Root });
        Assert.True(code == 0, errors);
        return new Site(output);
    }

    private static IEnumerable<YamlMappingNode> Parse(string text)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(text));
        return stream.Documents.Select(d => d.RootNode).OfType<YamlMappingNode>();
    }

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "JitGrains.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("the tests run outside the repository");
        return folder;
    }
}

/// <summary>Looking into YAML.</summary>
internal static class YamlNodes
{
    public static string? Text(this YamlMappingNode node, string key) => node.Children.TryGetValue(key, out var value) ? (value as YamlScalarNode)?.Value : null;

    public static YamlMappingNode Map(this YamlMappingNode node, string key) =>
        node.Children.TryGetValue(key, out var value) && value is YamlMappingNode map ? map : new YamlMappingNode();

    public static IEnumerable<YamlMappingNode> List(this YamlMappingNode node, string key) =>
        node.Children.TryGetValue(key, out var value) && value is YamlSequenceNode list ? list.OfType<YamlMappingNode>() : [];
}
