using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text.Json;
using System.Text.RegularExpressions;
using JitGrains.Gateway.Hosting;
using JitGrains.UnitTests.Silo;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.UnitTests.Deploy;

/// <summary>Dashboard and alerts look at what the product tells: at instruments and log events that there are.</summary>
public sealed partial class TelemetryTests
{
    /// <summary>Labels that no instrument has: the histogram's, and those that the manifests give each process.</summary>
    private static readonly string[] Labels = ["le", "k8s_pod_name", "jitgrains_role", "http_request_method", "http_route", "http_response_status_code"];

    [Fact]
    public async Task Every_metric_is_one_that_is_published()
    {
        var published = (await InstrumentsAsync()).SelectMany(i => Names(i.Kind, i.Name, i.Unit)).ToHashSet(StringComparer.Ordinal);
        var used = Expressions().SelectMany(MetricsIn).ToHashSet(StringComparer.Ordinal);
        Assert.True(used.Count > 40);
        Assert.Empty(used.Except(published));
    }

    /// <summary>Without a metric of revocations, their route's stands for it: it ends when nothing starts any more.</summary>
    [Fact]
    public async Task The_routes_of_revocations_are_told()
    {
        var expression = Expressions().First(e => e.Contains("http_route", StringComparison.Ordinal));
        var wanted = new Regex($@"\A(?:{HttpRoute().Match(expression).Groups[1].Value})\z");
        var routes = new ConcurrentDictionary<string, bool>();
        using var listener = new MeterListener { InstrumentPublished = static (i, self) => Enable(i, self) };
        listener.SetMeasurementEventCallback<double>((_, _, tags, _) => routes.TryAdd($"{tags.ToArray().FirstOrDefault(t => t.Key == "http.route").Value}", true));
        listener.Start();
        await WithHostAsync(async control =>
        {
            using var client = new HttpClient { BaseAddress = control };
            foreach (var (method, path) in new[] { ("DELETE", "grants/gr_1"), ("POST", "principals/dev:user:alice/revoke"), ("POST", "revocations"), ("PUT", "blocks/dev:user:alice"), ("GET", "requests") })
                using (await client.SendAsync(new HttpRequestMessage(new HttpMethod(method), $"/api/v1/{path}"))) { }
        });
        Assert.Equal(4, routes.Keys.Count(r => wanted.IsMatch(r)));
        Assert.True(routes.Count > 4);

        static void Enable(Instrument instrument, MeterListener self)
        {
            if (instrument.Name == "http.server.request.duration")
                self.EnableMeasurementEvents(instrument);
        }
    }

    [Fact]
    public void Every_label_is_one_that_is_told()
    {
        var sources = string.Concat(Sources().Select(File.ReadAllText));
        var used = Expressions().SelectMany(e => ByLabels().Matches(e).SelectMany(m => m.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries)).Concat(Matched().Matches(e).Select(m => m.Groups[1].Value)))
            .Where(l => l != "__name__").ToHashSet(StringComparer.Ordinal);
        Assert.True(used.Count > 10);
        Assert.DoesNotContain(used.Except(Labels), l => !Regex.IsMatch(sources, $"\"{l.Replace("_", "[._]", StringComparison.Ordinal)}\""));
    }

    [Fact]
    public async Task Every_log_event_is_one_that_is_written()
    {
        var logs = Site.Read("alerts/logs.yaml");
        var events = Events().Matches(logs).Select(m => (Space: m.Groups[1].Value, Class: m.Groups[2].Value, Id: m.Groups[3].Value)).ToList();
        Assert.True(events.Count >= 7);
        foreach (var (space, name, id) in events)
        {
            Assert.Contains(Sources(), f => File.ReadAllText(f) is var text && text.Contains($"namespace {space};", StringComparison.Ordinal)
                && Regex.IsMatch(text, $@"partial class {name}\b") && text.Contains($"LoggerMessage({id},", StringComparison.Ordinal));
        }

        var manifests = (await Site.ExampleAsync()).Text;
        foreach (Match said in Regex.Matches(logs, "has \"(audit trail [a-z]+)\""))
            Assert.Contains($"echo \"{said.Groups[1].Value}: ", manifests, StringComparison.Ordinal);
        Assert.Contains("ContainerName == \"audit-check\"", logs, StringComparison.Ordinal);
        Assert.Contains("- name: audit-check", manifests, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_panel_says_what_it_shows()
    {
        using var dashboard = JsonDocument.Parse(Site.Read("dashboards/jitgrains.json"));
        var panels = dashboard.RootElement.GetProperty("panels").EnumerateArray().ToList();
        Assert.Equal(panels.Count, panels.Select(p => p.GetProperty("id").GetInt32()).Distinct().Count());
        Assert.All(panels, p => Assert.NotEqual("", p.GetProperty("title").GetString()));
        Assert.All(panels.Where(p => p.GetProperty("type").GetString() != "row"), p => Assert.NotEmpty(p.GetProperty("targets").EnumerateArray()));
    }

    private static IEnumerable<string> Expressions()
    {
        using var dashboard = JsonDocument.Parse(Site.Read("dashboards/jitgrains.json"));
        var shown = dashboard.RootElement.GetProperty("panels").EnumerateArray().SelectMany(p => p.TryGetProperty("targets", out var targets) ? targets.EnumerateArray() : default)
            .Select(t => t.GetProperty("expr").GetString()!).ToList();
        return [.. shown, .. Alerts().Split(Site.Read("alerts/metrics.yaml")).Where(a => a.Contains("expr:", StringComparison.Ordinal)).Select(a => a[a.IndexOf("expr:", StringComparison.Ordinal)..a.IndexOf("\n  for:", StringComparison.Ordinal)])];
    }

    /// <summary>The metrics of an expression: names that stand neither among its labels nor among what it groups by.</summary>
    private static IEnumerable<string> MetricsIn(string expression) =>
        Metrics().Matches(Selectors().Replace(ByLabels().Replace(NamedBy().Replace(expression, "$1"), ""), "")).Select(m => m.Value);

    /// <summary>What a metric is called for Prometheus (OpenTelemetry's compatibility specification): units and kinds end names.</summary>
    private static IEnumerable<string> Names(string kind, string name, string? unit)
    {
        var suffix = unit switch { "s" => "_seconds", "ms" => "_milliseconds", "By" => "_bytes", "%" => "_percent", null => "", _ when unit.StartsWith('{') => "", _ => "?" };
        var all = name.Replace('.', '_') + suffix;
        return kind switch
        {
            "Counter" or "ObservableCounter" => [$"{all}_total"],
            "Histogram" => [$"{all}_bucket", $"{all}_count", $"{all}_sum"],
            _ => [all],
        };
    }

    /// <summary>Those of the whole program while it runs, the framework's among them; and those of its sources, since some are made when they are first needed.</summary>
    private static async Task<IReadOnlyCollection<(string Kind, string Name, string? Unit)>> InstrumentsAsync()
    {
        var live = new ConcurrentDictionary<(string, string, string?), bool>();
        using var listener = new MeterListener { InstrumentPublished = (i, _) => live.TryAdd((i.GetType().Name.Split('`')[0], i.Name, i.Unit), true) };
        listener.Start();
        await WithHostAsync(async control =>
        {
            using var client = new HttpClient();
            using var answer = await client.GetAsync(control);
        });

        var written = Sources().SelectMany(f => Made().Matches(File.ReadAllText(f)))
            .Select(m => (Kind: m.Groups[1].Value switch { "Gauge" or "Gauges" or "Observe" => "ObservableGauge", var kind => kind["Create".Length..] }, Name: m.Groups[2].Value, Unit: (string?)m.Groups[3].Value)).ToHashSet();
        // Else the sources are read wrongly.
        Assert.Empty(live.Keys.Where(i => i.Item2.StartsWith("jitgrains.", StringComparison.Ordinal)).Except(written));
        return [.. live.Keys, .. written];
    }

    private static async Task WithHostAsync(Func<Uri, Task> use)
    {
        using var folder = new TempFolder();
        await using var app = GatewayHost.Build(["--quickstart", "--store", "memory", "--data", folder.Data, "--port", "0", "--control-port", "0", "--sample-port", "0"]);
        await app.StartAsync();
        await use(app.Services.GetRequiredService<Listeners>().Address(ListenerRole.ControlPlane)!);
        await app.StopAsync();
    }

    private static IEnumerable<string> Sources() => new[] { "grains", "runtime", "silo", "gateway" }
        .SelectMany(f => Directory.EnumerateFiles(Path.Combine(Site.Root, f), "*.cs", SearchOption.AllDirectories))
        .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal));

    [GeneratedRegex(@"\b(CreateCounter|CreateHistogram|CreateUpDownCounter|CreateObservableCounter|CreateObservableGauge|Gauges?|Observe)(?:<\w+>)?\(\s*""(jitgrains\.[a-z_.]+)"",[^;]*?""(\{\w+\}|s|ms|%)""")]
    private static partial Regex Made();

    [GeneratedRegex(@"http_route=~""([^""]*)""")]
    private static partial Regex HttpRoute();

    [GeneratedRegex(@"\b(?:jitgrains|http|kestrel|dotnet)_[a-z0-9_]+\b")]
    private static partial Regex Metrics();

    [GeneratedRegex(@"\bby \(([^)]*)\)")]
    private static partial Regex ByLabels();

    [GeneratedRegex(@"\{__name__=~""([^""]*)""\}")]
    private static partial Regex NamedBy();

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Selectors();

    [GeneratedRegex(@"[{,]\s*(\w+)(?:=~|!=|=)""")]
    private static partial Regex Matched();

    [GeneratedRegex(@"(?m)^- alert:")]
    private static partial Regex Alerts();

    [GeneratedRegex(@"(JitGrains[A-Za-z.]*)\.(\w+)\[(\d+)\]")]
    private static partial Regex Events();
}
