using System.Collections.Immutable;
using System.Text.Json;

namespace JitGrains.Identity;

/// <summary>
/// Who makes a call, as proved by one token: the subject, the chain of actors that act for it (RFC 8693 <c>act</c>,
/// nearest first), and what the issuer says of the subject. Immutable and thread-safe.
/// </summary>
public sealed record Caller
{
    /// <summary>The subject: on whose behalf the call is made.</summary>
    public required PrincipalId Principal { get; init; }

    /// <summary>Who acts for the subject, nearest to the call first; empty where the subject calls itself.</summary>
    public ImmutableArray<PrincipalId> Actors { get; init; } = [];

    /// <summary>Qualified groups, <c>realm:group</c>.</summary>
    public ImmutableHashSet<string> Groups { get; init; } = [];

    /// <summary>The token's claims, for conditions.</summary>
    public ImmutableDictionary<string, JsonElement> Claims { get; init; } = ImmutableDictionary<string, JsonElement>.Empty;

    /// <summary>When the token was issued.</summary>
    public required DateTimeOffset TokenIssuedAt { get; init; }

    /// <summary>When the token ends, and with it every execution under it.</summary>
    public required DateTimeOffset TokenExpiresAt { get; init; }

    /// <summary>Subject and whole actor chain in one string: the key of everything kept for this caller.</summary>
    public string Key => KeyOf(Principal, Actors);

    /// <summary>Everybody behind the call; none of them ever counts as its approver.</summary>
    public ImmutableArray<PrincipalId> Involved => [Principal, .. Actors];

    /// <summary>The key of a subject with a chain of actors. The caret is not allowed in names, so keys cannot collide.</summary>
    public static string KeyOf(PrincipalId principal, ImmutableArray<PrincipalId> actors) =>
        actors.IsDefaultOrEmpty ? principal.Value : string.Join('^', actors.Prepend(principal).Select(p => p.Value));
}
