using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace JitGrains.WaysTests.Inputs;

/// <summary>Spoils good input. The same seed spoils it alike. Not thread-safe.</summary>
internal sealed class InputMutator(int seed)
{
    private static readonly string[] Pieces =
    [
        "", " ", "\"", "'", "\\", "\0", "\n", "\r\n", "\t", "\u202e", "\u200b", "\ufeff", "\ud800", "%", "%00", "{", "}", "[", "]", ":", ",", "-", "#", "&a", "*a", "<<", "!!int", "|", ">", "null", "true", "~",
        "0", "-1", "1e999", "99999999999999999999999", "0.1", "NaN", "\u00e9", "e\u0301", "../", "$UPSTREAM", "*", "{*}", "{a}", "(((((", "(a+)+$", "[[[[[[[[", "{{{{{{{{", "once", "unlimited", "99999d", "1h", "-5m", "255.255.255.255/99", "::/0",
    ];

    private readonly Random random = new(seed);

    public T One<T>(IReadOnlyList<T> of) => of[random.Next(of.Count)];

    public bool Sometimes(int oneIn) => random.Next(oneIn) == 0;

    /// <summary>Text with pieces put in, taken out, doubled, moved.</summary>
    public string Text(string text)
    {
        for (var i = random.Next(1, 4); i > 0; i--)
        {
            var at = random.Next(text.Length + 1);
            var end = Math.Min(text.Length, at + random.Next(1, 12));
            text = random.Next(6) switch
            {
                0 or 1 => text.Insert(at, One(Pieces)),
                2 => text[..at] + text[end..],
                3 => text.Insert(random.Next(text.Length + 1), text[at..end]),
                4 => text[..at] + One(Pieces) + text[end..],
                _ => at < text.Length ? text[..at] + (char)(text[at] ^ (1 << random.Next(7))) + text[(at + 1)..] : text,
            };
        }

        return text;
    }

    /// <summary>Lines left out, doubled, exchanged, moved in or out; and sometimes their text.</summary>
    public string Lines(string text)
    {
        var lines = text.Split('\n').ToList();
        for (var i = random.Next(1, 4); i > 0; i--)
        {
            var (one, other) = (random.Next(lines.Count), random.Next(lines.Count));
            switch (random.Next(6))
            {
                case 0 when lines.Count > 1:
                    lines.RemoveAt(one);
                    break;
                case 1:
                    lines.Insert(other, lines[one]);
                    break;
                case 2:
                    (lines[one], lines[other]) = (lines[other], lines[one]);
                    break;
                case 3:
                    lines[one] = new string(' ', random.Next(1, 6)) + lines[one];
                    break;
                default:
                    lines[one] = Text(lines[one]);
                    break;
            }
        }

        return string.Join('\n', lines);
    }

    /// <summary>JSON with a value left out, renamed, doubled or replaced by one of another kind; and sometimes its text.</summary>
    public string Json(string json)
    {
        if (Sometimes(4))
            return Text(json);
        var root = JsonNode.Parse(json)!;
        var places = new List<JsonNode>();
        Collect(root, places);
        for (var i = random.Next(1, 3); i > 0 && places.Count > 0; i--)
            Spoil(One(places));
        var text = root.ToJsonString();
        return Sometimes(10) ? text.Insert(1, "\"v\":1,\"v\":2,") : text;
    }

    private static void Collect(JsonNode node, List<JsonNode> places)
    {
        IEnumerable<JsonNode?> children = node switch { JsonObject o => o.Select(p => p.Value), JsonArray a => a, _ => [] };
        foreach (var child in children.OfType<JsonNode>())
        {
            places.Add(child);
            Collect(child, places);
        }
    }

    private void Spoil(JsonNode node)
    {
        if (node.Parent is JsonObject parent)
        {
            var name = node.GetPropertyName();
            parent.Remove(name);
            if (Sometimes(4))
                return;
            parent[Sometimes(6) ? Text(name) : name] = Another(node);
        }
        else if (node.Parent is JsonArray list)
        {
            var at = list.IndexOf(node);
            list.RemoveAt(at);
            if (!Sometimes(4))
                list.Insert(at, Another(node));
        }
    }

    private JsonNode? Another(JsonNode node) => random.Next(9) switch
    {
        0 => null,
        1 => JsonValue.Create(random.Next(-2, 3)),
        2 => JsonNode.Parse(One<string>(["1e999", "-99999999999999999999", "0.5", "9223372036854775808", "-1"])),
        3 => JsonValue.Create(One(Pieces)),
        4 => new JsonArray(node),
        5 => new JsonObject { ["a"] = node },
        6 => Deep(random.Next(1, 80)),
        7 => JsonValue.Create(new string('x', random.Next(1, 5000))),
        _ when node is JsonValue value && value.GetValueKind() == JsonValueKind.String => JsonValue.Create(Text(value.GetValue<string>())),
        _ => JsonValue.Create(Sometimes(2)),
    };

    private static JsonArray Deep(int levels)
    {
        var outer = new JsonArray();
        for (var i = 0; i < levels; i++)
            outer = new JsonArray(outer);
        return outer;
    }
}

/// <summary>How a spoilt input is shown in a failure.</summary>
internal static class Shown
{
    public static string Of(string text)
    {
        var shown = new StringBuilder();
        foreach (var c in text.Length > 2000 ? text[..2000] + "..." : text)
            shown.Append(c is >= ' ' and <= '~' or '\n' ? c.ToString() : string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"));
        return shown.ToString();
    }
}
