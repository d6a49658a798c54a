using System.Collections.Immutable;
using JitGrains.Identity;
using JitGrains.Shell;

namespace JitGrains.Sessions;

/// <summary>
/// One person's sessions in browsers, keyed by the principal. What a browser holds is a secret of which only the hash is
/// here; a session lives as long as it is used, and no longer than its absolute limit.
/// </summary>
[Alias("jit.ISessionsGrain"), Version(1)]
public interface ISessionsGrain : IGrainWithStringKey
{
    /// <summary>Begins a session. Where the person has as many as may be, the one unused for longest ends.</summary>
    [Alias("Open")]
    Task<Reply<Session>> Open(OpenSession command);

    /// <summary>The session of a secret, if it lives; from now on it counts as used.</summary>
    /// <param name="secretHash">SHA-256 of the secret, in base64url.</param>
    [Alias("Use")]
    Task<Reply<Session>> Use(string secretHash);

    /// <summary>Ends a session; one that is not there is no error.</summary>
    [Alias("End")]
    Task<Reply<Done>> End(EndSession command);

    /// <summary>The sessions that live, the one used last first.</summary>
    [ReadOnly, Alias("List")]
    Task<SessionList> List();
}

/// <summary>A session.</summary>
[GenerateSerializer, Alias("jit.Session")]
public sealed record Session
{
    /// <summary>Its id, by which people see and end it; it opens nothing.</summary>
    [Id(0)] public required string Id { get; init; }

    /// <summary>SHA-256 of the browser's secret, in base64url.</summary>
    [Id(1)] public required string SecretHash { get; init; }

    /// <summary>Whose it is.</summary>
    [Id(2)] public required PrincipalId Principal { get; init; }

    /// <summary>The person's qualified groups, as the issuer said at sign-in.</summary>
    [Id(3)] public ImmutableArray<string> Groups { get; init; } = [];

    /// <summary>How and when the person has signed in.</summary>
    [Id(4)] public SignIn SignIn { get; init; } = SignIn.Unknown;

    /// <summary>When it was begun.</summary>
    [Id(5)] public DateTimeOffset OpenedAt { get; init; }

    /// <summary>When it was last used, to within a minute.</summary>
    [Id(6)] public DateTimeOffset UsedAt { get; init; }

    /// <summary>When it ends at the latest.</summary>
    [Id(7)] public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>For how long it may be unused.</summary>
    [Id(8)] public required TimeSpan Idle { get; init; }

    /// <summary>When the token that it was begun with was issued.</summary>
    [Id(9)] public required DateTimeOffset TokenIssuedAt { get; init; }

    /// <summary>From when on it is over, if it is not used meanwhile.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public DateTimeOffset EndsAt => UsedAt.Plus(Idle) is var unused && unused < ExpiresAt ? unused : ExpiresAt;
}

/// <summary>Sessions.</summary>
[GenerateSerializer, Alias("jit.SessionList")]
public sealed record SessionList([property: Id(0)] ImmutableArray<Session> Items);

/// <summary>Begin a session.</summary>
/// <param name="Session">The session; its times of beginning and last use are the turn's.</param>
/// <param name="Lifetime">How long it lives at most.</param>
[GenerateSerializer, Alias("jit.OpenSession")]
public sealed record OpenSession([property: Id(0)] Session Session, [property: Id(1)] TimeSpan Lifetime);

/// <summary>End a session.</summary>
/// <param name="SessionId">Which.</param>
/// <param name="Because">One of <see cref="SessionEnds"/>.</param>
[GenerateSerializer, Alias("jit.EndSession")]
public sealed record EndSession([property: Id(0)] string SessionId, [property: Id(1)] string Because);

/// <summary>Why sessions end. Stable words, for the audit trail.</summary>
public static class SessionEnds
{
    /// <summary>The person signed out there.</summary>
    public const string SignedOut = "signed-out";

    /// <summary>The person ended it from elsewhere.</summary>
    public const string Revoked = "revoked";

    /// <summary>A new sign-in in the same browser took its place.</summary>
    public const string Replaced = "replaced";

    /// <summary>The person is blocked.</summary>
    public const string Blocked = "blocked";

    /// <summary>It was unused for too long.</summary>
    public const string Idle = "idle";

    /// <summary>Its absolute limit came.</summary>
    public const string Expired = "expired";

    /// <summary>The person began another, and had as many as may be.</summary>
    public const string TooMany = "too-many";
}
