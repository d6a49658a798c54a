using System.Collections.Immutable;
using System.Text.Json;

namespace JitGrains.Identity;

/// <summary>
/// Who makes a call, as proved by one token: the subject, the chain of actors that act for it (RFC 8693 <c>act</c>,
/// nearest first), and what the issuer says of the subject. Immutable and thread-safe.
/// </summary>
public sealed record Caller
{
    private Remembered remembered;

    /// <summary>The subject: on whose behalf the call is made.</summary>
    public required PrincipalId Principal { get; init; }

    /// <summary>Who acts for the subject, nearest to the call first; empty where the subject calls itself.</summary>
    public ImmutableArray<PrincipalId> Actors { get; init; } = [];

    /// <summary>
    /// Others behind the call: who set off the job that makes it, the owner of the key. They are shown to approvers, and never
    /// approve. Not part of <see cref="Key"/>: a job is the same service whoever starts it.
    /// </summary>
    public ImmutableArray<PrincipalId> Excluded { get; init; } = [];

    /// <summary>Qualified groups, <c>realm:group</c>.</summary>
    public ImmutableHashSet<string> Groups { get; init; } = [];

    /// <summary>The token's claims, for conditions.</summary>
    public ImmutableDictionary<string, JsonElement> Claims { get; init; } = ImmutableDictionary<string, JsonElement>.Empty;

    /// <summary>What the credential shows of the device that calls; null where that is not known.</summary>
    public CallerDevice? Device { get; init; }

    /// <summary>What the API key is for by which the call is made; null where it is made otherwise.</summary>
    public KeyScope? Scope { get; init; }

    /// <summary>The one thing that the token is for, where it was exchanged for that; null where it is for all that its caller may do.</summary>
    public OnlyRight? Only { get; init; }

    /// <summary>When the token was issued.</summary>
    public required DateTimeOffset TokenIssuedAt { get; init; }

    /// <summary>When the token ends, and with it every execution under it.</summary>
    public required DateTimeOffset TokenExpiresAt { get; init; }

    /// <summary>Subject and whole actor chain in one string: the key of everything kept for this caller.</summary>
    public string Key => remembered.Of(this).Key;

    /// <summary><see cref="Key"/>'s hash.</summary>
    public CallerHash KeyHash => remembered.Of(this).KeyHash;

    /// <summary>
    /// What whoever serves the caller's calls has noted with it, to find it at the next one; null at first. Says nothing of the
    /// caller, and a copy with another <see cref="Key"/> has none. Thread-safe.
    /// </summary>
    public byte[]? Noted
    {
        get => Volatile.Read(ref remembered.Of(this).Noted);
        set => Volatile.Write(ref remembered.Of(this).Noted, value);
    }

    /// <summary>The size of what is noted, in whatever unit it is noted in; it may be that of what was noted before. Thread-safe.</summary>
    public int NotedSize
    {
        get => Volatile.Read(ref remembered.Of(this).NotedSize);
        set => Volatile.Write(ref remembered.Of(this).NotedSize, value);
    }

    /// <summary>How and when the subject signed in, as far as the token says.</summary>
    public SignIn SignIn => remembered.Of(this).SignIn;

    /// <summary><see cref="Key"/> and <see cref="Excluded"/>: calls that differ in either are never one ask.</summary>
    public string AskKey => Excluded.IsDefaultOrEmpty ? Key : string.Join("^^", Excluded.Select(p => p.Value).Prepend(Key));

    /// <summary>Which rules of a policy may be about the caller, as that policy numbers them; 0 at first. Thread-safe.</summary>
    internal long Profile
    {
        get => Volatile.Read(ref remembered.Of(this).Profile);
        set => Volatile.Write(ref remembered.Of(this).Profile, value);
    }

    /// <summary>Everybody behind the call; none of them ever counts as its approver.</summary>
    public ImmutableArray<PrincipalId> Involved => [Principal, .. Actors, .. Excluded];

    /// <summary>The key of a subject with a chain of actors. The caret is not allowed in names, so keys cannot collide.</summary>
    public static string KeyOf(PrincipalId principal, ImmutableArray<PrincipalId> actors) =>
        actors.IsDefaultOrEmpty ? principal.Value : string.Join('^', actors.Prepend(principal).Select(p => p.Value));

    /// <summary>
    /// What was put together of a caller, with what of: a copy with other actors has its own. Which callers are equal does not
    /// depend on it.
    /// </summary>
    private struct Remembered : IEquatable<Remembered>
    {
        private Made? made;

        public Made Of(Caller caller)
        {
            if (Volatile.Read(ref made) is { } known && known.Principal == caller.Principal && known.Actors == caller.Actors && ReferenceEquals(known.From, caller.Groups) && ReferenceEquals(known.Claims, caller.Claims))
                return known;
            var key = KeyOf(caller.Principal, caller.Actors);
            var fresh = new Made(caller.Principal, caller.Actors, caller.Groups, caller.Claims, key, CallerHash.Of(key), SignIn.Of(caller.Claims));
            Volatile.Write(ref made, fresh);
            return fresh;
        }

        public readonly bool Equals(Remembered other) => true;

        public override readonly bool Equals(object? obj) => obj is Remembered;

        public override readonly int GetHashCode() => 0;
    }

    private sealed record Made(
        PrincipalId Principal,
        ImmutableArray<PrincipalId> Actors,
        ImmutableHashSet<string> From,
        ImmutableDictionary<string, JsonElement> Claims,
        string Key,
        CallerHash KeyHash,
        SignIn SignIn)
    {
        public byte[]? Noted;
        public int NotedSize;
        public long Profile;
    }
}

/// <summary>The one thing that a token is for.</summary>
/// <param name="Action">The action.</param>
/// <param name="Resource">The resource, or null for any.</param>
/// <param name="RequestId">The approval request whose grant it rests on; null where a rule allows the action without one.</param>
/// <param name="TokenId">The token's id, by which the audit trail tells what was done with it.</param>
public sealed record OnlyRight(string Action, string? Resource, string? RequestId, string? TokenId = null);
