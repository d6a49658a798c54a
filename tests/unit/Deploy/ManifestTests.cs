using JitGrains.Gateway.Hosting;
using JitGrains.Runtime.Engine;
using JitGrains.Silo;
using Microsoft.Extensions.Configuration;
using YamlDotNet.RepresentationModel;

namespace JitGrains.UnitTests.Deploy;

/// <summary>What the manifests say, held against the product's own reading of it and against each other.</summary>
public sealed class ManifestTests
{
    /// <summary>Variables that are no settings of the product: the runtime's, the telemetry SDK's, and what the latter is made of.</summary>
    private static readonly string[] Others = ["DOTNET_EnableDiagnostics", "OTEL_RESOURCE_ATTRIBUTES", "POD"];

    [Theory]
    [InlineData("gateway", "gateway")]
    [InlineData("silo", "silo")]
    public async Task Every_setting_is_one_of_the_products_and_is_accepted(string workload, string name)
    {
        var site = await Site.ExampleAsync();
        var container = site.Containers().Single(c => c.Workload == workload && c.Container.Text("name") == name).Container;
        var environment = site.EnvironmentOf(container);
        Assert.Empty(environment.Keys.Where(k => !k.StartsWith("JITGRAINS__", StringComparison.Ordinal)).Except(Others));

        var problems = new List<string>();
        var arguments = ((YamlSequenceNode)container.Children["args"]).Select(a => $"{a}").ToArray();
        var given = CommandLine.Parse(arguments, problems)
            .Concat(environment.Where(e => !Others.Contains(e.Key)).Select(e => KeyValuePair.Create(e.Key.Replace("__", ":", StringComparison.Ordinal), (string?)e.Value)));
        var asked = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var section = new Recording(new ConfigurationBuilder().AddInMemoryCollection(given).Build().GetSection(GatewayHost.Section), asked);

        // As a process reads them when it starts.
        var options = GatewayOptions.Read(section, development: false, problems);
        var silo = SiloOptions.Read(section, problems) with { Policy = options.Policy ?? "", PolicyInStore = true, Role = options.Role };
        problems.AddRange(options.Problems());
        problems.AddRange(silo.Problems());
        problems.AddRange(new GrainEngineOptions { Database = options.Database, DatabaseOwner = options.DatabaseOwner }.DatabaseProblems());

        Assert.Empty(problems);
        Assert.Equal(name == "gateway" ? ProcessRole.Gateway : ProcessRole.Silo, options.Role);
        Assert.DoesNotContain(environment.Keys, k => k.StartsWith("JITGRAINS__", StringComparison.Ordinal) && !asked.Contains(k.Replace("__", ":", StringComparison.Ordinal)));
    }

    /// <summary>An address that gateways cannot reach would have each of them try, and say so, for nothing; a shared one would lead answers to another silo.</summary>
    [Fact]
    public async Task Silos_name_an_address_for_answers_only_where_gateways_reach_it()
    {
        var site = await Site.ExampleAsync();
        var silo = site.EnvironmentOf(site.Containers().Single(c => c.Workload == "silo").Container);
        var answers = silo.Keys.SingleOrDefault(k => k.Equals("JITGRAINS__ANSWERURL", StringComparison.OrdinalIgnoreCase));
        var mayReach = site.Find("NetworkPolicy", "silo").Map("spec").List("ingress").SelectMany(i => i.List("from"))
            .Any(f => f.Map("podSelector").Map("matchLabels").Text("app") == "gateway");
        Assert.Equal(mayReach, answers is not null);
        Assert.True(answers is null || !site.Find("ConfigMap", "silo-settings").Map("data").Children.ContainsKey(answers), "all silos would have the same");
    }

    [Fact]
    public async Task No_container_may_do_more_than_it_must()
    {
        foreach (var (workload, pod, container) in (await Site.ExampleAsync()).Containers())
        {
            var at = $"{workload}/{container.Text("name")}";
            var security = container.Map("securityContext");
            Assert.True(pod.Map("securityContext").Text("runAsNonRoot") == "true" && security.Text("allowPrivilegeEscalation") == "false", at);
            Assert.True(security.Text("readOnlyRootFilesystem") == "true", at);
            Assert.True($"{security.Map("capabilities").Children["drop"]}".Contains("ALL", StringComparison.Ordinal), at);
            Assert.True(pod.Map("securityContext").Map("seccompProfile").Text("type") == "RuntimeDefault", at);
            Assert.NotNull(container.Map("resources").Map("limits").Text("memory"));
            // A process that is throttled loses its lease.
            Assert.Null(container.Map("resources").Map("limits").Text("cpu"));
        }
    }

    [Fact]
    public async Task What_the_manifests_name_is_there()
    {
        var site = await Site.ExampleAsync();
        // These two the script makes of files.
        var names = site.Objects.Select(o => $"{o.Text("kind")}/{o.Map("metadata").Text("name")}").Append("ConfigMap/first-policy").Append("ConfigMap/schema-sql").ToHashSet(StringComparer.Ordinal);
        Assert.Equal(site.Objects.Count + 2, names.Count);
        foreach (var (_, pod, container) in site.Containers())
        {
            var wanted = pod.List("volumes").SelectMany(v => new[]
            {
                v.Map("configMap").Text("name") is { } map ? $"ConfigMap/{map}" : null,
                v.Map("csi").Map("volumeAttributes").Text("secretProviderClass") is { } secrets ? $"SecretProviderClass/{secrets}" : null,
            }).Append(pod.Text("serviceAccountName") is { } account ? $"ServiceAccount/{account}" : null).OfType<string>();
            Assert.Empty(wanted.Except(names));
            Assert.Empty(container.List("volumeMounts").Select(m => m.Text("name")).Except(pod.List("volumes").Select(v => v.Text("name"))));
            foreach (var probe in new[] { "startupProbe", "livenessProbe", "readinessProbe" }.Select(p => container.Map(p).Map("httpGet")).Where(p => p.Children.Count > 0))
                Assert.Contains(probe.Text("port"), container.List("ports").Select(p => p.Text("name")));
        }
    }

    /// <summary>Files under /secrets are what a vault gives; what a vault has is what the script puts there, or asks its operator for.</summary>
    [Fact]
    public async Task Every_file_of_secrets_comes_from_a_vault_that_is_filled()
    {
        var site = await Site.ExampleAsync();
        var script = Site.Read("deploy");
        foreach (var (_, pod, container) in site.Containers())
        {
            foreach (var mount in container.List("volumeMounts"))
            {
                if (pod.List("volumes").Single(v => v.Text("name") == mount.Text("name")).Map("csi").Map("volumeAttributes").Text("secretProviderClass") is not { } provider)
                    continue;
                var objects = site.Find("SecretProviderClass", provider).Map("spec").Map("parameters").Text("objects")!;
                var files = Fields(objects, "objectAlias").Concat(Fields(objects, "objectName")).ToHashSet(StringComparer.Ordinal);
                var used = site.EnvironmentOf(container).Values.Append($"{container}").SelectMany(v => System.Text.RegularExpressions.Regex.Matches(v, $@"(?<!\w){mount.Text("mountPath")}/([a-z.-]+)").Select(m => m.Groups[1].Value));
                Assert.Empty(used.Except(files));
                foreach (var name in Fields(objects, "objectName").Where(n => n != "administrator"))
                    Assert.Matches($@"(put|has) ""\$[A-Z2_]+"" {name}\b|login {name} |has ""\$2"" {name}", script);
            }
        }

        static IEnumerable<string> Fields(string text, string name) => System.Text.RegularExpressions.Regex.Matches(text, $@"{name}: (\S+)").Select(m => m.Groups[1].Value);
    }

    [Fact]
    public void What_the_README_says_of_Orleans_are_its_settings()
    {
        // They are compiled in with that engine only.
        var options = File.ReadAllText(Path.Combine(Site.Root, "runtime", "engine", "OnOrleans", "OrleansOptions.cs"));
        var named = System.Text.RegularExpressions.Regex.Matches(Site.Read("README.md"), "JITGRAINS__ORLEANS__([A-Z]+)").Select(m => m.Groups[1].Value).ToList();
        Assert.Equal(4, named.Count);
        Assert.All(named, n => Assert.Matches($@"(?i)public [A-Za-z?]+ {n} {{", options));
    }

    [Fact]
    public async Task Health_is_asked_for_where_the_product_answers()
    {
        var asked = (await Site.ExampleAsync()).Containers()
            .SelectMany(c => new[] { "startupProbe", "livenessProbe", "readinessProbe" }.Select(p => (c.Workload, Path: c.Container.Map(p).Map("httpGet").Text("path"))))
            .Where(p => p.Path is not null && p.Workload != "collector").ToHashSet();
        Assert.Equal(
            [("gateway", "/.jit/livez"), ("gateway", "/.jit/readyz"), ("silo", "/healthz"), ("silo", "/readyz")],
            asked.OrderBy(a => a, Comparer<(string, string?)>.Create((a, b) => string.CompareOrdinal($"{a}", $"{b}"))));
    }
}
