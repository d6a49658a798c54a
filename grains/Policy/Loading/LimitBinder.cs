using System.Collections.Immutable;
using JitGrains.Limits;
using JitGrains.Policy.Evaluation;
using JitGrains.Policy.Schema;
using JitGrains.Policy.Yaml;

namespace JitGrains.Policy.Loading;

/// <summary>A limit as read, with where its parts stand.</summary>
internal sealed record BoundLimit(PolicyLimit Limit, WhoSelector? Who, ImmutableArray<string> Apis, ShapeReader Keys);

/// <summary>Reads rate limits.</summary>
internal static class LimitBinder
{
    private static readonly TimeSpan ShortestPeriod = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPeriod = TimeSpan.FromDays(31);

    public static ImmutableArray<BoundLimit> ReadAll(ImmutableArray<ShapeReader> roots, Names names)
    {
        var all = ImmutableArray.CreateBuilder<BoundLimit>();
        var places = new Dictionary<string, SourcePlace>(StringComparer.Ordinal);
        foreach (var (key, value) in roots.SelectMany(r => r["limits"]?.Entries() ?? []))
        {
            var at = value with { Node = key };
            if (at.Token() is not { } name)
                continue;
            if (!places.TryAdd(name, key.Place))
                at.Error($"the limit '{name}' is there twice; the first is at {places[name]}");
            else if (Read(name, value) is { } limit)
                all.Add(limit);
        }

        return all.ToImmutable();

        BoundLimit? Read(string name, Cursor at) => LimitBinder.Read(name, at, names);
    }

    private static BoundLimit? Read(string name, Cursor at, Names names)
    {
        if (at.Shape(LimitShapes.Limit) is not { } keys)
            return null;
        _ = keys["description"]?.Text();
        var counts = keys["counts"] is { } c ? c.Word(LimitShapes.Subjects) : "calls";
        var per = Per(keys["per"]);
        var who = keys["who"] is { } w ? RuleBinder.Who(w, names) : null;
        var actions = keys["actions"] is { } a ? RuleBinder.Actions(a) : null;
        var apis = keys["apis"] is { } l ? l.List(i => i.Token()) : [];
        var headers = keys["headers"] is { } h ? h.Word(LimitShapes.Headers) : "low";
        var shared = keys["shared"]?.Boolean();
        var held = keys["held"]?.Boolean();
        if (Terms(keys) is not { } terms || counts is null || per is null || headers is null)
            return null;
        if ((keys["who"] is not null && who is null) || (keys["actions"] is not null && actions is null))
            return null;
        var definition = new LimitDefinition
        {
            Name = name,
            Counts = (LimitSubject)Array.IndexOf(LimitShapes.Subjects, counts),
            Per = per.Value,
            Terms = terms,
            Shared = shared == true,
            CountsHeld = held == true,
            Headers = (LimitHeaders)Array.IndexOf(LimitShapes.Headers, headers),
            Groups = per.Value.HasFlag(LimitKeys.Group) && who is not null ? [.. who.Groups.Order(StringComparer.Ordinal)] : [],
        };
        return new BoundLimit(new PolicyLimit(definition, at.Place, who, actions, apis), who, apis, keys);
    }

    private static LimitKeys? Per(Cursor? at)
    {
        if (at is not { } cursor)
            return LimitKeys.None;
        var words = cursor.Node is YamlScalar ? [cursor.Word(LimitShapes.Keys)] : cursor.List(i => i.Word(LimitShapes.Keys)).CastArray<string?>();
        return words.IsEmpty || words.Contains(null)
            ? null
            : words.Aggregate(LimitKeys.None, (all, word) => all | (LimitKeys)(1 << Array.IndexOf(LimitShapes.Keys, word!)));
    }

    private static LimitTerms? Terms(ShapeReader keys)
    {
        string[] kinds = ["bucket", "window", "concurrent"];
        var given = kinds.Where(k => keys[k] is not null).ToArray();
        if (given.Length != 1)
            return (given.Length == 0 ? keys.At : keys[given[1]]!.Value).Fail<LimitTerms>("a limit has exactly one of bucket, window and concurrent");
        var at = keys[given[0]]!.Value;
        return given[0] switch
        {
            "bucket" => Bucket(at),
            "window" => Window(at),
            _ => at.Integer(1, LimitShapes.MostUnits) is { } most ? new LimitTerms(LimitAlgorithm.Concurrent, most, TimeSpan.Zero, most) : null,
        };
    }

    private static LimitTerms? Bucket(Cursor at)
    {
        if (at.Shape(LimitShapes.Bucket) is not { } keys)
            return null;
        var rate = keys["rate"]?.Integer(1, LimitShapes.MostUnits);
        var every = keys["every"] is { } e ? e.Duration(ShortestPeriod, LongestPeriod) : TimeSpan.FromSeconds(1);
        var burst = keys["burst"] is { } b ? b.Integer(1, LimitShapes.MostUnits) : rate;
        if (rate is null || every is null || burst is null)
            return null;
        var terms = new LimitTerms(LimitAlgorithm.Bucket, rate.Value, every.Value, burst.Value);
        return (Int128)every.Value.Ticks * burst.Value / rate.Value > LongestPeriod.Ticks
            ? keys.Near("burst").Fail<LimitTerms>($"a bucket this deep takes longer to fill than {Durations.Show(LongestPeriod)}")
            : terms;
    }

    private static LimitTerms? Window(Cursor at)
    {
        if (at.Shape(LimitShapes.Window) is not { } keys)
            return null;
        var most = keys["most"]?.Integer(1, LimitShapes.MostUnits);
        var within = keys["within"]?.Duration(ShortestPeriod, LongestPeriod);
        return most is null || within is null ? null : new LimitTerms(LimitAlgorithm.Window, most.Value, within.Value, most.Value);
    }
}
