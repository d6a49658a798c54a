using System.Collections.Immutable;
using JitGrains.Network;
using JitGrains.Policy.Conditions;

namespace JitGrains.Policy;

/// <summary>From where calls are taken at all, before anybody is asked who they are. Immutable and thread-safe; asking it allocates nothing.</summary>
public sealed class NetworkFilter
{
    private readonly ImmutableArray<AddressCondition> deny;
    private readonly ImmutableArray<AddressCondition> allow;

    internal NetworkFilter(ImmutableArray<AddressCondition> deny, ImmutableArray<AddressCondition> allow) => (this.deny, this.allow) = (deny, allow);

    /// <summary>
    /// Whether calls from there are taken: nothing that is denied holds of it, and where something is allowed, one of that does.
    /// What is not known counts as true for deny and as false for allow.
    /// </summary>
    public bool Admits(in CallOrigin origin)
    {
        foreach (var condition in deny)
        {
            if (condition.Holds(origin) != Truth.False)
                return false;
        }

        foreach (var condition in allow)
        {
            if (condition.Holds(origin) == Truth.True)
                return true;
        }

        return allow.IsEmpty;
    }
}
