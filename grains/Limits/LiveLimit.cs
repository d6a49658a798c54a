using System.Net;
using System.Net.Sockets;
using JitGrains.Identity;
using JitGrains.Policy;

namespace JitGrains.Limits;

/// <summary>What limits look at; null parts are not known (yet).</summary>
/// <param name="Address">From where.</param>
/// <param name="Caller">Who.</param>
/// <param name="Api">The API's name; null for the gateway's own endpoints and the control plane.</param>
/// <param name="Action">The action.</param>
public readonly record struct LimitedCall(IPAddress? Address, Caller? Caller = null, string? Api = null, ActionDefinition? Action = null);

/// <summary>A limit of the policy with its counts. Thread-safe.</summary>
public sealed class LiveLimit
{
    internal LiveLimit(PolicyLimit policy, LimitTable table)
    {
        (Policy, Table) = (policy, table);
        (RateLimitPolicy, RateLimitName) = RateLimitFields.PolicyOf(Definition);
    }

    /// <summary>As policy has it.</summary>
    public PolicyLimit Policy { get; }

    /// <summary>What it is.</summary>
    public LimitDefinition Definition => Policy.Definition;

    /// <summary>How often it admitted something in this process, as far as its counts go back.</summary>
    public long Admitted => Table.Admitted;

    /// <summary>How often it was asked.</summary>
    public long Asked => Table.Asked;

    /// <summary>Into how many parts it is divided among gateways.</summary>
    public int Parts => Definition.Terms.Parts;

    /// <summary>How many of them this process gives away; all, unless it is shared.</summary>
    public int Held => Table.Held;

    /// <summary>Gives away so many of them from now on, until another time in fine ticks; from then on no more than others.</summary>
    public void Hold(int parts, long now, long until = long.MaxValue, int thereafter = 0) => Table.Hold(parts, now, until, thereafter);

    /// <summary>
    /// How long what this process has used takes to come back, where it is known of whom that is: of one budget for all. Zero
    /// otherwise: to keep from everybody what one has used would be worse than to forget it; and places end with their process.
    /// </summary>
    public TimeSpan Returns => Definition switch
    {
        { Per: LimitKeys.None, Terms.Algorithm: LimitAlgorithm.Bucket } => Definition.Terms.Refill,
        // The oldest slot counts whole.
        { Per: LimitKeys.None, Terms.Algorithm: LimitAlgorithm.Window } => Definition.Terms.Period * MeterTerms.Slots / (MeterTerms.Slots - 1),
        _ => TimeSpan.Zero,
    };

    /// <summary>How many are used up by the key that has used most.</summary>
    public int InUse(long now) => Table.InUse(now);

    /// <summary>Its item of the RateLimit-Policy field.</summary>
    internal string RateLimitPolicy { get; }

    /// <summary>Its name as a structured field's string.</summary>
    internal string RateLimitName { get; }

    internal LimitTable Table { get; }

    /// <summary>The key under which a call counts. Allocates nothing.</summary>
    /// <param name="call">The call.</param>
    /// <param name="group">The group in question, where each has a budget of its own.</param>
    internal ulong KeyOf(in LimitedCall call, string? group)
    {
        // Not HasFlag, which boxes until it is compiled for good.
        var per = Definition.Per;
        var hash = KeyHash.Start;
        if (group is not null)
            hash = KeyHash.With(hash, group);
        if ((per & (LimitKeys.Principal | LimitKeys.ApiKey)) != LimitKeys.None && call.Caller is not null)
            hash = KeyHash.With(hash, call.Caller.Principal.Value);
        if ((per & LimitKeys.Actor) != LimitKeys.None && call.Caller is { } caller)
            hash = KeyHash.With(hash, (caller.Actors.IsDefaultOrEmpty ? caller.Principal : caller.Actors[0]).Value);
        if ((per & LimitKeys.Address) != LimitKeys.None)
            hash = WithAddress(hash, call.Address);
        if ((per & LimitKeys.Api) != LimitKeys.None)
            hash = KeyHash.With(hash, call.Api ?? "");
        if ((per & LimitKeys.Action) != LimitKeys.None)
            hash = KeyHash.With(hash, call.Action?.Name ?? "");
        return hash;
    }

    /// <summary>Of IPv6 the network: whoever has one address has its /64.</summary>
    private static ulong WithAddress(ulong hash, IPAddress? address)
    {
        Span<byte> bytes = stackalloc byte[16];
        if (address is null || !address.TryWriteBytes(bytes, out var length))
            return KeyHash.With(hash, []);
        if (address.AddressFamily == AddressFamily.InterNetworkV6)
            return KeyHash.With(hash, address.IsIPv4MappedToIPv6 ? bytes[12..16] : bytes[..8]);
        return KeyHash.With(hash, bytes[..length]);
    }
}
