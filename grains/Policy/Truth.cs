namespace JitGrains.Policy;

/// <summary>
/// What a condition is: false, not to be evaluated, or true (Kleene's three-valued logic). Unknown counts as true for
/// deny and approve rules, and as false for allow rules and automatic approval.
/// </summary>
public enum Truth
{
    /// <summary>Certainly not so.</summary>
    False,

    /// <summary>It cannot be evaluated: what it looks at is missing, there twice, of another type or not readable.</summary>
    Unknown,

    /// <summary>Certainly so.</summary>
    True,
}

/// <summary>The three-valued operators.</summary>
public static class TruthOperators
{
    /// <summary>A truth from a certain answer.</summary>
    public static Truth ToTruth(this bool value) => value ? Truth.True : Truth.False;

    /// <summary>Both: false if one is false, true only if both are true.</summary>
    public static Truth And(this Truth left, Truth right) => left < right ? left : right;

    /// <summary>Either: true if one is true, false only if both are false.</summary>
    public static Truth Or(this Truth left, Truth right) => left > right ? left : right;

    /// <summary>The opposite; what is unknown stays unknown.</summary>
    public static Truth Not(this Truth value) => value switch
    {
        Truth.True => Truth.False,
        Truth.False => Truth.True,
        _ => Truth.Unknown,
    };
}
