using System.Globalization;
using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace JitGrains.IdentityTests.Tables;

/// <summary>A table of cases in a YAML file beside the tests, as JSON. Plain scalars are typed as YAML 1.2 says, quoted ones are text.</summary>
internal static class YamlTable
{
    /// <summary>The rows of a file; each is a mapping with a unique <c>name</c>.</summary>
    public static IReadOnlyList<JsonObject> Read(string file)
    {
        var stream = new YamlStream();
        using (var text = File.OpenText(Path.Combine(AppContext.BaseDirectory, file)))
            stream.Load(text);
        var rows = ToJson(stream.Documents.Single().RootNode)!.AsArray().Select(r => r!.AsObject()).ToList();
        return rows.GroupBy(Name, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice ? throw new FormatException($"{file}: '{twice.Key}' is there twice") : rows;
    }

    public static string Name(JsonObject row) => row["name"]!.GetValue<string>();

    /// <summary>What a row's patch makes of an object: null takes a member away, anything else replaces it.</summary>
    public static JsonObject Patched(JsonObject original, JsonNode? patch)
    {
        var patched = original.DeepClone().AsObject();
        foreach (var (name, value) in patch?.AsObject() ?? [])
        {
            if (value is null)
                patched.Remove(name);
            else
                patched[name] = value.DeepClone();
        }

        return patched;
    }

    private static JsonNode? ToJson(YamlNode node) => node switch
    {
        YamlMappingNode mapping => new JsonObject(mapping.Children.Select(c => KeyValuePair.Create(((YamlScalarNode)c.Key).Value!, ToJson(c.Value)))),
        YamlSequenceNode list => new JsonArray([.. list.Children.Select(ToJson)]),
        YamlScalarNode { Style: ScalarStyle.Plain, Value: "null" or "~" or "" } => null,
        YamlScalarNode { Style: ScalarStyle.Plain, Value: "true" or "false" } flag => JsonValue.Create(flag.Value == "true"),
        YamlScalarNode { Style: ScalarStyle.Plain } number when long.TryParse(number.Value, CultureInfo.InvariantCulture, out var whole) => JsonValue.Create(whole),
        YamlScalarNode { Style: ScalarStyle.Plain } number when double.TryParse(number.Value, CultureInfo.InvariantCulture, out var real) => JsonValue.Create(real),
        YamlScalarNode text => JsonValue.Create(text.Value),
        _ => throw new FormatException($"{node.Start}: a table holds mappings, lists and scalars."),
    };
}
