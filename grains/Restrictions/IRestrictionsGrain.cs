using System.Collections.Immutable;
using JitGrains.Grants;
using JitGrains.Identity;

namespace JitGrains.Restrictions;

/// <summary>
/// What holds for everybody at once (one grain, key <see cref="Key"/>): blocked principals, and grants revoked by what they
/// have in common. Every gateway keeps a copy. Commands are idempotent by their id.
/// </summary>
[Alias("jit.IRestrictionsGrain"), Version(1)]
public interface IRestrictionsGrain : IGrainWithStringKey
{
    /// <summary>The one key.</summary>
    const string Key = "restrictions";

    /// <summary>Refuses every call in which the principal is the subject or an actor, until it is unblocked.</summary>
    [Alias("Block")]
    Task<Reply<RestrictionsView>> Block(BlockCommand command);

    /// <summary>Ends a block.</summary>
    [Alias("Unblock")]
    Task<Reply<RestrictionsView>> Unblock(UnblockCommand command);

    /// <summary>Revokes every grant that was approved up to now and has this in common, those still on their way too.</summary>
    [Alias("RevokeMatching")]
    Task<Reply<RestrictionsView>> RevokeMatching(RevokeMatchingCommand command);

    /// <summary>The restrictions, from the primary store.</summary>
    [ReadOnly, Alias("Get")]
    Task<RestrictionsView> Get();
}

/// <summary>Block a principal.</summary>
[GenerateSerializer, Alias("jit.BlockCommand")]
public sealed record BlockCommand(
    [property: Id(0)] string CommandId, [property: Id(1)] PrincipalId Principal, [property: Id(2)] PrincipalId By, [property: Id(3)] string? Reason);

/// <summary>Unblock a principal.</summary>
[GenerateSerializer, Alias("jit.UnblockCommand")]
public sealed record UnblockCommand(
    [property: Id(0)] string CommandId, [property: Id(1)] PrincipalId Principal, [property: Id(2)] PrincipalId By, [property: Id(3)] string? Reason);

/// <summary>Revoke what matches.</summary>
/// <param name="CommandId">Minted by whoever asks.</param>
/// <param name="Selector">What the grants have in common.</param>
/// <param name="Terminate">Whether running executions are cut even where their action drains.</param>
/// <param name="By">Who asks.</param>
/// <param name="Reason">Why, or null.</param>
[GenerateSerializer, Alias("jit.RevokeMatchingCommand")]
public sealed record RevokeMatchingCommand(
    [property: Id(0)] string CommandId,
    [property: Id(1)] GrantSelector Selector,
    [property: Id(2)] bool Terminate,
    [property: Id(3)] PrincipalId By,
    [property: Id(4)] string? Reason);

/// <summary>What grants can have in common.</summary>
[GenerateSerializer, Alias("jit.SelectorKind")]
public enum SelectorKind
{
    /// <summary>The API.</summary>
    Api,

    /// <summary>The action.</summary>
    Action,

    /// <summary>The issuer of the caller's token, by its realm; any actor's counts too.</summary>
    Issuer,

    /// <summary>Somebody whose vote carried it.</summary>
    Approver,
}

/// <summary>Which grants.</summary>
/// <param name="Kind">What they have in common.</param>
/// <param name="Value">The API's or action's name, the realm, or the approver.</param>
[GenerateSerializer, Alias("jit.GrantSelector")]
public sealed record GrantSelector([property: Id(0)] SelectorKind Kind, [property: Id(1)] string Value)
{
    /// <summary>Whether the grant is one of them.</summary>
    public bool Covers(Grant grant) => Kind switch
    {
        SelectorKind.Api => grant.Api == Value,
        SelectorKind.Action => grant.Action == Value,
        SelectorKind.Issuer => grant.Principal.Realm == Value || HasActorOf(grant, Value),
        SelectorKind.Approver => HasVoteOf(grant, Value),
        _ => true,
    };

    private static bool HasActorOf(Grant grant, string realm)
    {
        foreach (var actor in grant.Actors)
        {
            if (actor.Realm == realm)
                return true;
        }

        return false;
    }

    private static bool HasVoteOf(Grant grant, string approver)
    {
        foreach (var vote in grant.Votes)
        {
            if (vote.Approver.Value == approver)
                return true;
        }

        return false;
    }
}

/// <summary>A revocation of what matches.</summary>
/// <param name="Selector">Which grants.</param>
/// <param name="UpTo">Those approved at or before this.</param>
/// <param name="Terminate">Whether running executions are cut even where their action drains.</param>
/// <param name="KeepUntil">When no such grant can live any more.</param>
[GenerateSerializer, Alias("jit.MatchingRevocation")]
public sealed record MatchingRevocation(
    [property: Id(0)] GrantSelector Selector,
    [property: Id(1)] DateTimeOffset UpTo,
    [property: Id(2)] bool Terminate,
    [property: Id(3)] DateTimeOffset KeepUntil)
{
    /// <summary>Whether it takes this grant away.</summary>
    public bool Covers(Grant grant) => grant.NotBefore <= UpTo && Selector.Covers(grant);
}

/// <summary>A blocked principal.</summary>
[GenerateSerializer, Alias("jit.PrincipalBlock")]
public sealed record PrincipalBlock(
    [property: Id(0)] PrincipalId Principal, [property: Id(1)] PrincipalId By, [property: Id(2)] DateTimeOffset At, [property: Id(3)] string? Reason);

/// <summary>The restrictions at a version.</summary>
/// <param name="Version">Rises with each change.</param>
/// <param name="Blocks">Who is blocked.</param>
/// <param name="Revocations">What is revoked by what it has in common.</param>
[GenerateSerializer, Alias("jit.RestrictionsView")]
public sealed record RestrictionsView(
    [property: Id(0)] long Version, [property: Id(1)] ImmutableArray<PrincipalBlock> Blocks, [property: Id(2)] ImmutableArray<MatchingRevocation> Revocations)
{
    /// <summary>None.</summary>
    public static readonly RestrictionsView None = new(0, [], []);
}
