using System.Collections.Immutable;
using System.Net;

namespace JitGrains.Policy.Conditions;

/// <summary>Where a call comes from: in one of some networks, and in none of others.</summary>
internal sealed record AddressCondition(ImmutableArray<IPNetwork> In, ImmutableArray<IPNetwork> NotIn) : Condition
{
    public override string Path => "address";

    public override Truth Evaluate(in ConditionContext context, out string? problem)
    {
        problem = null;
        if (context.Address is null)
        {
            problem = "the caller's address is not known";
            return Truth.Unknown;
        }

        var address = context.Address.IsIPv4MappedToIPv6 ? context.Address.MapToIPv4() : context.Address;
        return ((In.IsEmpty || Has(In, address)) && !Has(NotIn, address)).ToTruth();
    }

    public override string ToString() =>
        string.Join(", ", new[] { Show("in", In), Show("not", NotIn) }.Where(s => s.Length > 0));

    private static string Show(string key, ImmutableArray<IPNetwork> networks) =>
        networks.IsEmpty ? "" : $"{key} [{string.Join(", ", networks)}]";

    private static bool Has(ImmutableArray<IPNetwork> networks, IPAddress address)
    {
        foreach (var network in networks)
        {
            if (network.Contains(address))
                return true;
        }

        return false;
    }
}
