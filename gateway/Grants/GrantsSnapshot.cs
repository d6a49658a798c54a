using System.Collections.Immutable;
using System.Runtime.InteropServices;
using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Principals;

namespace JitGrains.Gateway.Grants;

/// <summary>
/// A caller's active grants as loaded, in the order of their end; good until <see cref="IsCurrent"/> says otherwise. What all
/// grants of a caller, or of many callers, have in common is kept once. Thread-safe.
/// </summary>
internal sealed class GrantsSnapshot
{
    private volatile bool dropped;
    private ApprovalTerms?[]? stood;

    /// <param name="genuine">Grants of one caller whose signatures were checked.</param>
    /// <param name="texts">Where texts that many grants have are kept once.</param>
    public GrantsSnapshot(IReadOnlyList<ActiveGrant> genuine, SharedTexts texts)
    {
        var held = ImmutableArray.CreateBuilder<HeldGrant>(genuine.Count);
        foreach (var (grant, usesLeft) in genuine)
        {
            var slim = Slim(grant, held.Count == 0 ? null : held[0].Grant, texts);
            held.Add(new HeldGrant(slim, slim.Action, usesLeft));
        }

        Held = held.MoveToImmutable();
    }

    /// <summary>The grants, in a row: those that a call is not for are passed over without being looked at.</summary>
    public ImmutableArray<HeldGrant> Held { get; }

    /// <summary>Whether nothing has changed since as far as this gateway was told. Read it after registering what relies on it.</summary>
    public bool IsCurrent => !dropped;

    public void Drop() => dropped = true;

    /// <summary>
    /// Whether one of these grants still stands under the terms of a rule. What each stood under last is remembered, for callers ask
    /// again and again; all who are asked for here are the same caller.
    /// </summary>
    /// <param name="place">Which of the grants.</param>
    /// <param name="terms">The rule's terms.</param>
    /// <param name="caller">The caller.</param>
    public bool StillStands(int place, ApprovalTerms terms, Caller caller)
    {
        // Who else is behind a call differs from call to call, and so may whose votes count: that is not remembered.
        var remembers = caller.Excluded.IsDefaultOrEmpty;
        if (remembers && Volatile.Read(ref stood) is { } known && ReferenceEquals(Volatile.Read(ref known[place]), terms))
            return true;
        if (!Quorum.StillStands(Held[place].Grant, terms, caller.Involved))
            return false;
        if (!remembers)
            return true;
        // Two who make one lose no more than what one of them remembers.
        var remembered = Volatile.Read(ref stood) ?? Interlocked.CompareExchange(ref stood, new ApprovalTerms?[Held.Length], null) ?? stood;
        Volatile.Write(ref remembered[place], terms);
        return true;
    }

    /// <summary>The same without its signature, which was checked, and with texts that others have too.</summary>
    private static Grant Slim(Grant grant, Grant? sibling, SharedTexts texts) => grant with
    {
        Signature = null,
        Principal = sibling?.Principal ?? grant.Principal,
        Actors = sibling?.Actors ?? grant.Actors,
        Api = texts.Of(grant.Api),
        Action = texts.Of(grant.Action),
        Rule = texts.Of(grant.Rule),
        PolicyVersion = texts.Of(grant.PolicyVersion),
        Epoch = grant.Epoch is { } epoch ? texts.Of(epoch) : null,
        Votes = grant.Votes.IsDefaultOrEmpty ? [] : [.. grant.Votes.Select(v => v with { Approver = new PrincipalId(texts.Of(v.Approver.Value)), Groups = Slim(v.Groups, texts) })],
    };

    private static ImmutableArray<string> Slim(ImmutableArray<string> groups, SharedTexts texts) =>
        groups.IsDefaultOrEmpty ? [] : groups.Length == 1 ? texts.OneOf(groups[0]) : [.. groups.Select(texts.Of)];
}

/// <summary>A grant with what is looked at first.</summary>
/// <param name="Grant">The grant.</param>
/// <param name="Action">Its action.</param>
/// <param name="UsesLeft">What is left of it; null for any number.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct HeldGrant(Grant Grant, string Action, int? UsesLeft);
