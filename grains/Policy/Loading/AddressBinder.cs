using System.Collections.Immutable;
using System.Net;
using JitGrains.Network;
using JitGrains.Policy.Conditions;
using JitGrains.Policy.Schema;
using JitGrains.Policy.Yaml;

namespace JitGrains.Policy.Loading;

/// <summary>Reads what policy says of addresses: named networks, conditions, and filters.</summary>
internal sealed class AddressBinder
{
    private readonly Dictionary<string, (ImmutableArray<IPNetwork> Networks, SourcePlace Place)> named = new(StringComparer.Ordinal);

    /// <summary>Takes in networks by name.</summary>
    public void Declare(Cursor key, Cursor value)
    {
        if (key.Token() is not { } name)
            return;
        if (!char.IsAsciiLetter(name[0]))
            key.Error("a network's name begins with a letter, so that it is no address");
        else if (named.TryGetValue(name, out var first))
            key.Error($"the network '{name}' is there twice; the first is at {first.Place}");
        else
            named.Add(name, ([.. value.Items().SelectMany(i => One(i, names: false))], key.Place));
    }

    /// <summary>A condition: networks, or what else an address is asked.</summary>
    public AddressCondition? Condition(Cursor at)
    {
        if (at.Node is YamlList)
            return Networks(at) is { IsEmpty: false } networks ? Of(networks, at) : null;
        if (at.Shape(ConditionShapes.Address) is not { } keys)
            return null;
        var inside = keys["in"] is { } i ? Networks(i) : [];
        var outside = keys["not"] is { } n ? Networks(n) : [];
        if (!inside.IsEmpty && inside.All(network => outside.Any(o => Covers(o, network))))
            return at.Fail<AddressCondition>("no address is in these networks and not in the others");
        var country = keys["country"] is { } c ? Choose(c, ConditionShapes.Country, Country) : Choice<CountryCode>.Any;
        var asn = keys["asn"] is { } a ? Choose(a, ConditionShapes.Asn, Asn) : Choice<uint>.Any;
        if (((YamlMap)at.Node).Entries.IsEmpty)
            return at.Fail<AddressCondition>("there is no condition here; leave the key out where none is meant");
        return new AddressCondition(ListOf(inside, keys["in"]), ListOf(outside, keys["not"]), country, asn);
    }

    /// <summary>A filter; null where it could not be read.</summary>
    public NetworkFilter? Filter(Cursor at)
    {
        if (at.Shape(PolicyShapes.Network) is not { } keys)
            return null;
        if (keys["deny"] is null && keys["allow"] is null)
            return at.Fail<NetworkFilter>("there is nothing here; give allow or deny, or leave the key out");
        return new NetworkFilter(keys["deny"] is { } d ? Places(d) : [], keys["allow"] is { } a ? Places(a) : []);
    }

    /// <summary>Networks are one condition together, others one each.</summary>
    private ImmutableArray<AddressCondition> Places(Cursor at)
    {
        var all = ImmutableArray.CreateBuilder<AddressCondition>();
        var networks = new List<IPNetwork>();
        foreach (var item in at.Items())
        {
            if (item.Node is not YamlMap)
                networks.AddRange(One(item, names: true));
            else if (Condition(item) is { } condition)
                all.Add(condition);
        }

        if (networks.Count > 0)
            all.Insert(0, Of([.. networks], at));
        return all.ToImmutable();
    }

    private ImmutableArray<IPNetwork> Networks(Cursor at) => [.. at.Items().SelectMany(i => One(i, names: true))];

    private ImmutableArray<IPNetwork> One(Cursor item, bool names)
    {
        if (item.Text(64) is not { } text)
            return [];
        if (AddressText.TryNetwork(text, out var network, out var problem))
            return [network];
        var isName = names && char.IsAsciiLetter(text[0]) && !text.Contains('/', StringComparison.Ordinal) && !text.Contains(':', StringComparison.Ordinal);
        if (isName && named.TryGetValue(text, out var known))
            return known.Networks;
        item.Error(isName && named.Count > 0
            ? $"'{Shown.Text(text)}' is no network, and there is none of this name under networks{Shown.Suggest(text, named.Keys)}"
            : $"'{Shown.Text(text)}' {problem}");
        return [];
    }

    private static Choice<T> Choose<T>(Cursor at, Shape shape, Func<Cursor, T?> read)
        where T : struct, IEquatable<T>
    {
        switch (at.Node)
        {
            case YamlScalar:
                return new Choice<T>(read(at) is { } one ? [one] : [], []);
            case YamlList:
                return new Choice<T>(List(at), []);
        }

        if (at.Shape(shape) is not { } keys)
            return Choice<T>.Any;
        var choice = new Choice<T>(keys["in"] is { } i ? List(i) : [], keys["not"] is { } n ? List(n) : []);
        if (keys["in"] is null && keys["not"] is null)
            at.Error("there is no condition here; leave the key out where none is meant");
        else if (!choice.In.IsEmpty && choice.In.All(choice.NotIn.Contains))
            at.Error("nothing is one of these and none of the others");
        return choice;

        ImmutableArray<T> List(Cursor list) => [.. list.Items().Select(read).OfType<T>()];
    }

    /// <summary>A country.</summary>
    public static CountryCode? Country(Cursor at)
    {
        if (at.Text(64) is not { } text)
            return null;
        return CountryCode.TryParse(text, out var country) && country.IsKnown && text.All(char.IsAsciiLetterUpper)
            ? country
            : at.Fail<CountryCode?>($"'{Shown.Text(text)}' is no country: two capital letters of ISO 3166-1, such as DE");
    }

    /// <summary>The number of an autonomous system.</summary>
    public static uint? Asn(Cursor at)
    {
        if (at.Text(64) is not { } text)
            return null;
        var digits = text.StartsWith("AS", StringComparison.Ordinal) ? text.AsSpan(2) : text;
        return uint.TryParse(digits, System.Globalization.NumberStyles.None, null, out var asn) && asn > 0 && digits[0] != '0'
            ? asn
            : at.Fail<uint?>($"'{Shown.Text(text)}' is no number of a network (autonomous system), such as 64500 or AS64500");
    }

    private static bool Covers(IPNetwork outer, IPNetwork inner) => outer.PrefixLength <= inner.PrefixLength && outer.Contains(inner.BaseAddress);

    private static AddressCondition Of(ImmutableArray<IPNetwork> networks, Cursor at) =>
        new(ListOf(networks, at), NetworkList.None, Choice<CountryCode>.Any, Choice<uint>.Any);

    private static NetworkList ListOf(ImmutableArray<IPNetwork> networks, Cursor? at) => networks.IsEmpty || at is null
        ? NetworkList.None
        : new NetworkList(new AddressSet(networks), string.Join(", ", ((YamlList)at.Value.Node).Items.OfType<YamlScalar>().Select(s => s.Text)));
}
