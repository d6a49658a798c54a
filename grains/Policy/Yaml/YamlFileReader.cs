using System.Collections.Immutable;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace JitGrains.Policy.Yaml;

/// <summary>
/// Reads one YAML document into nodes with places. Bounded in size, depth and in what aliases expand to; no tags, no
/// merge keys, no second document, no key twice, nothing that makes text look like other text.
/// </summary>
internal sealed class YamlFileReader
{
    public const int MaxCharacters = 1024 * 1024;
    public const int MaxDepth = 24;
    public const int MaxNodes = 50_000;

    private readonly string file;
    private readonly ProblemSink problems;
    private readonly Parser parser;
    private readonly Dictionary<string, YamlValue> anchors = new(StringComparer.Ordinal);
    private long weight;
    private Mark last = new(0, 1, 1);

    private YamlFileReader(string file, string text, ProblemSink problems)
    {
        this.file = file;
        this.problems = problems;
        parser = new Parser(new StringReader(text));
    }

    /// <summary>Null where the file cannot be read; then a problem says why.</summary>
    public static YamlValue? Read(PolicyFile file, ProblemSink problems)
    {
        var start = new SourcePlace(file.Name, 1, 1);
        if (file.Text.Length > MaxCharacters)
        {
            problems.Error(start, "", $"the file is larger than {MaxCharacters} characters");
            return null;
        }

        var text = file.Text.StartsWith('\uFEFF') ? file.Text[1..] : file.Text;
        if (HasMisleadingCharacter(file.Name, text, problems))
            return null;
        var reader = new YamlFileReader(file.Name, text, problems);
        try
        {
            return reader.ReadDocument();
        }
        catch (YamlException e)
        {
            problems.Error(At(file.Name, e.Start), "", $"not readable as YAML: {Clean(e)}");
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or IndexOutOfRangeException)
        {
            // The scanner fails so on some broken input, without saying where.
            problems.Error(At(file.Name, reader.last), "", "not readable as YAML after this place");
        }
        catch (YamlLimitException e)
        {
            problems.Error(e.Place, "", e.Message);
        }

        return null;
    }

    private static bool HasMisleadingCharacter(string file, string text, ProblemSink problems)
    {
        var line = 1;
        var column = 1;
        foreach (var c in text)
        {
            var bidirectional = c is '\u061C' or '\u200E' or '\u200F' or (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069');
            if (bidirectional || (char.IsControl(c) && c is not ('\n' or '\r' or '\t')) || c is '\u2028' or '\u2029' or '\uFEFF' or '\u200B')
            {
                problems.Error(new SourcePlace(file, line, column), "", $"the character U+{(int)c:X4} makes text read differently from what it is; write it as an escape in double quotes if it is meant");
                return true;
            }

            (line, column) = c == '\n' ? (line + 1, 1) : (line, column + 1);
        }

        return false;
    }

    private static SourcePlace At(string file, Mark mark) => new(file, (int)Math.Max(1, mark.Line), (int)Math.Max(1, mark.Column));

    private static string Clean(YamlException e) => e.InnerException is null ? e.Message.TrimEnd('.') : e.InnerException.Message.TrimEnd('.');

    private YamlValue? ReadDocument()
    {
        parser.Consume<StreamStart>();
        if (parser.Accept<StreamEnd>(out _))
        {
            problems.Error(new SourcePlace(file, 1, 1), "", "the file is empty");
            return null;
        }

        parser.Consume<DocumentStart>();
        var root = ReadNode(0);
        parser.Consume<DocumentEnd>();
        if (parser.TryConsume<DocumentStart>(out var second))
            problems.Error(At(file, second.Start), "", "a policy file holds one YAML document");
        return root;
    }

    private YamlValue ReadNode(int depth)
    {
        if (parser.TryConsume<AnchorAlias>(out var alias))
        {
            if (!anchors.TryGetValue(alias.Value.Value, out var known))
                throw new YamlLimitException(At(file, alias.Start), $"the alias *{alias.Value.Value} has no anchor before it");
            Charge(known.Weight, alias.Start);
            return known;
        }

        if (!parser.Accept<NodeEvent>(out var node))
            throw new YamlException(parser.Current!.Start, parser.Current.End, "a value is expected here");
        last = node.Start;
        var place = At(file, node.Start);
        if (depth > MaxDepth)
            throw new YamlLimitException(place, $"nested more than {MaxDepth} deep");
        if (!node.Tag.IsEmpty && !node.Tag.IsNonSpecific)
            problems.Error(place, "", "tags (!) are not supported");
        Charge(1, node.Start);
        YamlValue value = node switch
        {
            Scalar => ReadScalar(place),
            SequenceStart => ReadList(place, depth),
            _ => ReadMap(place, depth),
        };
        if (!node.Anchor.IsEmpty)
            anchors[node.Anchor.Value] = value;
        return value;
    }

    private YamlScalar ReadScalar(SourcePlace place)
    {
        var scalar = parser.Consume<Scalar>();
        return new YamlScalar(place, scalar.Value, scalar.Style == ScalarStyle.Plain);
    }

    private YamlList ReadList(SourcePlace place, int depth)
    {
        parser.Consume<SequenceStart>();
        var items = ImmutableArray.CreateBuilder<YamlValue>();
        while (!parser.TryConsume<SequenceEnd>(out _))
            items.Add(ReadNode(depth + 1));
        return new YamlList(place, items.ToImmutable());
    }

    private YamlMap ReadMap(SourcePlace place, int depth)
    {
        parser.Consume<MappingStart>();
        var entries = ImmutableArray.CreateBuilder<YamlEntry>();
        var keys = new Dictionary<string, SourcePlace>(StringComparer.Ordinal);
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            var key = ReadNode(depth + 1);
            var value = ReadNode(depth + 1);
            if (key is not YamlScalar { IsNull: false } name)
                problems.Error(key.Place, "", $"a key is text, not {key.Kind}");
            else if (name is { Text: "<<", IsPlain: true })
                problems.Error(key.Place, "", "merge keys (<<) are not supported; an alias can stand for a whole value");
            else if (!keys.TryAdd(name.Text, name.Place))
                problems.Error(key.Place, "", $"the key '{Shown.Text(name.Text)}' is here twice; the first is on line {keys[name.Text].Line}");
            else
                entries.Add(new YamlEntry(name, value));
        }

        return new YamlMap(place, entries.ToImmutable());
    }

    private void Charge(long nodes, Mark at)
    {
        weight += nodes;
        if (weight > MaxNodes)
            throw new YamlLimitException(At(file, at), $"more than {MaxNodes} values, aliases written out");
    }

    private sealed class YamlLimitException(SourcePlace place, string message) : Exception(message)
    {
        public SourcePlace Place { get; } = place;
    }
}
