using System.Collections.Immutable;
using System.Globalization;
using JitGrains.Identity;
using JitGrains.Policy.Schema;
using JitGrains.Policy.Yaml;

namespace JitGrains.Policy.Loading;

/// <summary>A value being read, with its path and where its problems go. Readers give null after having reported.</summary>
internal readonly record struct Cursor(YamlValue Node, string Path, ProblemSink Problems)
{
    public SourcePlace Place => Node.Place;

    public void Error(string message) => Problems.Error(Node.Place, Path, message);

    public void Warning(string message) => Problems.Warning(Node.Place, Path, message);

    public T? Fail<T>(string message)
    {
        Error(message);
        return default;
    }

    /// <summary>Text that is not empty.</summary>
    public string? Text(int most = 1024)
    {
        if (Node is not YamlScalar { IsNull: false } scalar)
            return Fail<string>($"text is expected here, not {Node.Kind}");
        if (scalar.Text.Length == 0 || scalar.Text.Length > most)
            return Fail<string>(scalar.Text.Length == 0 ? "the text is empty" : $"longer than {most} characters");
        return SafeText.IsSafeSentence(scalar.Text) ? scalar.Text : Fail<string>("holds a control, format or unassigned character");
    }

    public string? Token()
    {
        var text = Text();
        return text is null || SafeText.IsToken(text) ? text : Fail<string>($"'{Shown.Text(text)}': a name has 1 to 64 letters, digits, hyphens, underscores and dots");
    }

    public bool? Boolean() => Node is YamlScalar { IsPlain: true, Text: "true" or "false" } scalar
        ? scalar.Text == "true"
        : Fail<bool?>("true or false is expected here (yes, no, on and off are text in YAML 1.2)");

    public int? Integer(int least, int most)
    {
        if (Node is YamlScalar { IsPlain: true } scalar
            && int.TryParse(scalar.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            && (scalar.Text.Length == 1 || scalar.Text[0] != '0')
            && value >= least && value <= most)
            return value;
        return Fail<int?>($"a whole number from {least} to {most} is expected here");
    }

    public TimeSpan? Duration(TimeSpan least, TimeSpan most)
    {
        var text = Text();
        if (text is null)
            return null;
        if (Durations.Parse(text) is not { } value)
            return Fail<TimeSpan?>($"'{Shown.Text(text)}' is no duration: numbers with units ms, s, m, h, d, such as 90s or 1h30m");
        if (value < least || value > most)
            return Fail<TimeSpan?>($"must be from {Durations.Show(least)} to {Durations.Show(most)}");
        return value;
    }

    /// <summary>One of some words.</summary>
    public string? Word(params string[] words)
    {
        var text = Text();
        if (text is null || words.Contains(text, StringComparer.Ordinal))
            return text;
        return Fail<string>($"'{Shown.Text(text)}' is none of {string.Join(", ", words)}{Shown.Suggest(text, words)}");
    }

    /// <summary>The items of a list that is not empty.</summary>
    public IEnumerable<Cursor> Items()
    {
        if (Node is not YamlList list)
        {
            Error($"a list is expected here, not {Node.Kind}");
            return [];
        }

        if (list.Items.IsEmpty)
            Error("the list is empty");
        var self = this;
        return list.Items.Select((item, i) => new Cursor(item, $"{self.Path}[{i}]", self.Problems));
    }

    /// <summary>A list read item by item; what cannot be read is left out, having been reported. Duplicates are an error.</summary>
    public ImmutableArray<T> List<T>(Func<Cursor, T?> read)
        where T : class
    {
        var all = ImmutableArray.CreateBuilder<T>();
        foreach (var item in Items())
        {
            if (read(item) is not { } value)
                continue;
            if (all.Contains(value))
                item.Error("is in the list twice");
            else
                all.Add(value);
        }

        return all.ToImmutable();
    }

    /// <summary>The entries of a mapping whose names the author chose.</summary>
    public IEnumerable<(YamlScalar Key, Cursor Value)> Entries()
    {
        if (Node is not YamlMap map)
        {
            Error($"a mapping is expected here, not {Node.Kind}");
            return [];
        }

        var self = this;
        return map.Entries.Select(e => (e.Key, new Cursor(e.Value, Join(self.Path, Shown.Text(e.Key.Text)), self.Problems)));
    }

    /// <summary>A mapping with known keys; null where it is none.</summary>
    public ShapeReader? Shape(Shape shape) => Node is YamlMap map
        ? new ShapeReader(this, map, shape)
        : Fail<ShapeReader>($"a mapping with the keys {string.Join(", ", shape.Keys.Select(k => k.Name))} is expected here, not {Node.Kind}");

    public static string Join(string path, string key) => path.Length == 0 ? key : $"{path}.{key}";
}

/// <summary>A mapping with known keys, checked for unknown and missing ones.</summary>
internal sealed class ShapeReader
{
    private readonly Shape shape;
    private readonly Dictionary<string, Cursor> values = new(StringComparer.Ordinal);

    public ShapeReader(Cursor at, YamlMap map, Shape shape)
    {
        At = at;
        this.shape = shape;
        foreach (var entry in map.Entries)
        {
            var path = Cursor.Join(at.Path, Shown.Text(entry.Key.Text));
            if (shape.Keys.Any(k => k.Name == entry.Key.Text))
                values[entry.Key.Text] = new Cursor(entry.Value, path, at.Problems);
            else
                at.Problems.Error(entry.Key.Place, path, $"unknown key '{Shown.Text(entry.Key.Text)}'{Shown.Suggest(entry.Key.Text, shape.Keys.Select(k => k.Name))}");
        }

        foreach (var key in shape.Keys.Where(k => k.Required && !values.ContainsKey(k.Name)))
            at.Error($"the key '{key.Name}' is missing");
    }

    public Cursor At { get; }

    /// <summary>The value of a key of the shape, or null where it is not given.</summary>
    public Cursor? this[string key] =>
        !shape.Keys.Any(k => k.Name == key) ? throw new ArgumentException($"{shape.Name} has no key {key}", nameof(key))
        : values.TryGetValue(key, out var value) ? value : null;

    /// <summary>Where a key stands, or the mapping where it is not given.</summary>
    public Cursor Near(string key) => this[key] ?? At;
}
