using System.Collections.Immutable;

namespace JitGrains.Policy.Yaml;

/// <summary>A node of a YAML file with its place.</summary>
internal abstract class YamlValue(SourcePlace place)
{
    public SourcePlace Place { get; } = place;

    /// <summary>How many nodes it would be with every alias written out.</summary>
    public long Weight { get; protected init; } = 1;

    /// <summary>For messages: <c>a list</c>.</summary>
    public abstract string Kind { get; }
}

internal sealed class YamlScalar(SourcePlace place, string text, bool plain) : YamlValue(place)
{
    public string Text { get; } = text;

    /// <summary>Whether it was written without quotes, so that it may be a number, a boolean or nothing.</summary>
    public bool IsPlain { get; } = plain;

    public bool IsNull => IsPlain && Text is "" or "~" or "null";

    public override string Kind => IsNull ? "nothing" : "a single value";
}

internal sealed class YamlList : YamlValue
{
    public YamlList(SourcePlace place, ImmutableArray<YamlValue> items)
        : base(place)
    {
        Items = items;
        Weight = 1 + items.Sum(i => i.Weight);
    }

    public ImmutableArray<YamlValue> Items { get; }

    public override string Kind => "a list";
}

internal sealed class YamlMap : YamlValue
{
    public YamlMap(SourcePlace place, ImmutableArray<YamlEntry> entries)
        : base(place)
    {
        Entries = entries;
        Weight = 1 + entries.Sum(e => 1 + e.Value.Weight);
    }

    public ImmutableArray<YamlEntry> Entries { get; }

    public override string Kind => "a mapping";
}

internal readonly record struct YamlEntry(YamlScalar Key, YamlValue Value);
