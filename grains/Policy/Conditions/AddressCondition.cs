using System.Collections.Immutable;
using JitGrains.Network;

namespace JitGrains.Policy.Conditions;

/// <summary>Networks, and how the policy has them.</summary>
internal sealed record NetworkList(AddressSet Set, string Text)
{
    public static NetworkList None { get; } = new(AddressSet.Empty, "");

    public bool IsEmpty => Text.Length == 0;
}

/// <summary>One of these, and none of those; an empty list asks nothing.</summary>
internal sealed record Choice<T>(ImmutableArray<T> In, ImmutableArray<T> NotIn)
    where T : struct, IEquatable<T>
{
    public static Choice<T> Any { get; } = new([], []);

    public bool IsEmpty => In.IsEmpty && NotIn.IsEmpty;

    public Truth Holds(T value) =>
        IsEmpty ? Truth.True
        : value.Equals(default) ? Truth.Unknown
        : ((In.IsEmpty || In.Contains(value)) && !NotIn.Contains(value)).ToTruth();
}

/// <summary>Where a call comes from: in one of some networks and in none of others, and the same for countries and autonomous systems.</summary>
internal sealed record AddressCondition(NetworkList In, NetworkList NotIn, Choice<CountryCode> Country, Choice<uint> Asn) : Condition
{
    public override string Path => "address";

    public override Truth Evaluate(in ConditionContext context, out string? problem)
    {
        var truth = Holds(context.Origin);
        problem = truth != Truth.Unknown ? null
            : context.Origin.Address is null ? "the caller's address is not known"
            : "the address table does not say where the caller's address is";
        return truth;
    }

    /// <summary>Whether it holds of this origin.</summary>
    public Truth Holds(in CallOrigin origin)
    {
        var networks = In.IsEmpty && NotIn.IsEmpty ? Truth.True
            : origin.Address is not { } address ? Truth.Unknown
            : ((In.IsEmpty || In.Set.Contains(address)) && !NotIn.Set.Contains(address)).ToTruth();
        return networks == Truth.False ? networks : networks.And(Country.Holds(origin.Country)).And(Asn.Holds(origin.Asn));
    }

    public override string ToString() => string.Join(", ", new[]
    {
        Show("in", In.Text), Show("not", NotIn.Text),
        Show("country", string.Join(", ", Country.In)), Show("country not", string.Join(", ", Country.NotIn)),
        Show("asn", string.Join(", ", Asn.In)), Show("asn not", string.Join(", ", Asn.NotIn)),
    }.Where(s => s.Length > 0));

    private static string Show(string key, string items) => items.Length == 0 ? "" : $"{key} [{items}]";
}
