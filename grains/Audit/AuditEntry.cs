using System.Collections.Immutable;
using System.Globalization;
using JitGrains.Identity;

namespace JitGrains.Audit;

/// <summary>The types of audit entries. Stable: they are what auditors filter by.</summary>
public static class AuditTypes
{
    /// <summary>An approval request was raised.</summary>
    public const string RequestRaised = "request.raised";

    /// <summary>A vote was cast.</summary>
    public const string VoteCast = "vote.cast";

    /// <summary>A request was decided in favour.</summary>
    public const string RequestApproved = "request.approved";

    /// <summary>A request was decided against.</summary>
    public const string RequestDenied = "request.denied";

    /// <summary>A request's deadline passed.</summary>
    public const string RequestExpired = "request.expired";

    /// <summary>A request was taken back.</summary>
    public const string RequestCancelled = "request.cancelled";

    /// <summary>A request was approved, and its grant could not be made.</summary>
    public const string RequestFailed = "request.failed";

    /// <summary>A grant was made.</summary>
    public const string GrantIssued = "grant.issued";

    /// <summary>A use was taken: written before the first upstream byte.</summary>
    public const string GrantConsumed = "grant.consumed";

    /// <summary>A grant was taken away.</summary>
    public const string GrantRevoked = "grant.revoked";

    /// <summary>A grant was given back.</summary>
    public const string GrantReleased = "grant.released";

    /// <summary>A grant's window ended.</summary>
    public const string GrantExpired = "grant.expired";

    /// <summary>An execution's outcome.</summary>
    public const string ExecutionOutcome = "execution.outcome";

    /// <summary>A call under an allow rule or a many-use grant, from a gateway's journal.</summary>
    public const string CallForwarded = "call.forwarded";

    /// <summary>Such a call that still runs when its batch is written.</summary>
    public const string CallStarted = "call.started";

    /// <summary>A call was refused, from a gateway's journal.</summary>
    public const string CallDenied = "call.denied";

    /// <summary>A call that an observing API let through and enforce would not have, from a gateway's journal.</summary>
    public const string CallObserved = "call.observed";

    /// <summary>A token for one action was given in exchange for a caller's own, from a gateway's journal.</summary>
    public const string TokenGiven = "token.given";

    /// <summary>Such a token was refused, to a caller who was known, from a gateway's journal.</summary>
    public const string TokenRefused = "token.refused";

    /// <summary>A key that signs assertions was taken.</summary>
    public const string AssertionKeyTaken = "assertion_key.taken";

    /// <summary>A chain was opened.</summary>
    public const string ChainOpened = "chain.opened";

    /// <summary>Rate limits refused calls of one caller, or of several: how many.</summary>
    public const string CallsLimited = "calls.limited";

    /// <summary>A policy version came into force.</summary>
    public const string PolicyChanged = "policy.changed";

    /// <summary>A gateway incarnation began.</summary>
    public const string GatewayStarted = "gateway.started";

    /// <summary>A gateway incarnation got its lease.</summary>
    public const string GatewayOpened = "gateway.opened";

    /// <summary>A gateway incarnation lost its lease against its will.</summary>
    public const string GatewayCondemned = "gateway.condemned";

    /// <summary>Nothing can start at a gateway incarnation any more.</summary>
    public const string GatewayClosed = "gateway.closed";

    /// <summary>A principal was blocked.</summary>
    public const string PrincipalBlocked = "principal.blocked";

    /// <summary>A principal is no longer blocked.</summary>
    public const string PrincipalUnblocked = "principal.unblocked";

    /// <summary>An API key was created.</summary>
    public const string KeyCreated = "key.created";

    /// <summary>An API key was revoked.</summary>
    public const string KeyRevoked = "key.revoked";

    /// <summary>Grants were revoked by what they have in common.</summary>
    public const string GrantsRevoked = "grants.revoked";

    /// <summary>Somebody signed in with a browser.</summary>
    public const string SessionOpened = "session.opened";

    /// <summary>A browser's session is over.</summary>
    public const string SessionEnded = "session.ended";

    /// <summary>The personal value behind a digest was erased.</summary>
    public const string ValueErased = "value.erased";
}

/// <summary>A field of an entry to be.</summary>
/// <param name="Name">snake_case.</param>
/// <param name="Value">Its value as text.</param>
/// <param name="Personal">Whether it is about a person: the chain then holds a keyed digest, and the value is held apart.</param>
[GenerateSerializer, Alias("jit.AuditField")]
public sealed record AuditField([property: Id(0)] string Name, [property: Id(1)] string Value, [property: Id(2)] bool Personal = false)
{
    /// <summary>A field that holds a time.</summary>
    public static AuditField At(string name, DateTimeOffset at) => new(name, TimeText(at));

    /// <summary>The field, or none where there is no value.</summary>
    public static IEnumerable<AuditField> Optional(string name, string? value, bool personal) =>
        string.IsNullOrEmpty(value) ? [] : [new AuditField(name, value, personal)];

    /// <summary>A field that names people, or none where there are none.</summary>
    public static IEnumerable<AuditField> People(string name, ImmutableArray<PrincipalId> people) =>
        people.IsDefaultOrEmpty ? [] : [new AuditField(name, PersonalValue.Of(people), Personal: true)];

    /// <summary>A time as entries hold it: UTC, to 100 ns (RFC 3339).</summary>
    internal static string TimeText(DateTimeOffset at) => at.UtcDateTime.ToString("O", CultureInfo.InvariantCulture);
}

/// <summary>An entry before it is chained.</summary>
/// <param name="Type">One of <see cref="AuditTypes"/>.</param>
/// <param name="Fields">The fields; nulls are left out before.</param>
[GenerateSerializer, Alias("jit.AuditDraft")]
public sealed record AuditDraft([property: Id(0)] string Type, [property: Id(1)] ImmutableArray<AuditField> Fields);

/// <summary>An entry of a chain.</summary>
/// <param name="Source">The chain; personal parts of it are keyed digests.</param>
/// <param name="Sequence">1, 2, 3... without gaps.</param>
/// <param name="Hash">SHA-256 of <paramref name="Body"/>, base64url.</param>
/// <param name="Body">
/// The canonical JSON (RFC 8785) that is hashed: <c>{at, data, prev, seq, source, type, v}</c>, where <c>prev</c> is the
/// hash of the entry before (empty for the first). Stored and verified byte for byte.
/// </param>
/// <param name="Values">The personal values behind the digests in <paramref name="Body"/>; held apart, erasable.</param>
[GenerateSerializer, Alias("jit.AuditEntry")]
public sealed record AuditEntry(
    [property: Id(0)] string Source,
    [property: Id(1)] long Sequence,
    [property: Id(2)] string Hash,
    [property: Id(3)] string Body,
    [property: Id(4)] ImmutableArray<PersonalValue> Values);

/// <summary>A personal value and the keyed digest that stands for it in chains.</summary>
/// <param name="Digest">The digest.</param>
/// <param name="Value">The value.</param>
/// <param name="ActedAt">When its person did what the entry tells of, in UTC ticks; 0 where the entry only tells of the person.</param>
[GenerateSerializer, Alias("jit.PersonalValue")]
public sealed record PersonalValue([property: Id(0)] string Digest, [property: Id(1)] string Value, [property: Id(2)] long ActedAt = 0)
{
    /// <summary>What stands between the people that one value names; no principal's name has it.</summary>
    public const string Separator = "^";

    /// <summary>The value that names these people.</summary>
    public static string Of(ImmutableArray<PrincipalId> people) => people.Length == 1 ? people[0].Value : string.Join(Separator, people);
}

/// <summary>Where a chain ends.</summary>
/// <param name="Sequence">The last entry's number; 0 before the first.</param>
/// <param name="Hash">The last entry's hash; empty before the first.</param>
[GenerateSerializer, Alias("jit.ChainHead")]
public sealed record ChainHead([property: Id(0)] long Sequence, [property: Id(1)] string Hash)
{
    /// <summary>No entry yet.</summary>
    public static readonly ChainHead Empty = new(0, "");
}
