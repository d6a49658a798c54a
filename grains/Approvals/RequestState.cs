using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using JitGrains.Identity;

namespace JitGrains.Approvals;

/// <summary>Where a request is. Finer than what the wire shows: <see cref="Granting"/> shows as pending.</summary>
public enum RequestPhase
{
    /// <summary>There is no such request.</summary>
    None,

    /// <summary>Waiting for votes.</summary>
    Pending,

    /// <summary>Approved, and its grant on the way to the principal.</summary>
    Granting,

    /// <summary>Approved, and the grant exists.</summary>
    Approved,

    /// <summary>Denied.</summary>
    Denied,

    /// <summary>Lapsed.</summary>
    Expired,

    /// <summary>Taken back.</summary>
    Cancelled,

    /// <summary>Approved, and the grant could not be made.</summary>
    Failed,
}

/// <summary>What an approval request's grain keeps. Immutable.</summary>
public sealed record RequestState
{
    /// <summary>The ask; null before it was raised.</summary>
    public Ask? Ask { get; init; }

    /// <summary>The digest that votes must quote.</summary>
    public string Digest { get; init; } = "";

    /// <summary>Where it is.</summary>
    public RequestPhase Phase { get; init; }

    /// <summary>The votes, in order.</summary>
    public ImmutableArray<RecordedVote> Votes { get; init; } = [];

    /// <summary>When it was decided.</summary>
    public DateTimeOffset? DecidedAt { get; init; }

    /// <summary>The grant it created.</summary>
    public string? GrantId { get; init; }

    /// <summary>Fields of later versions.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Extra { get; init; }
}

/// <summary>What happens to a request. Closed.</summary>
public abstract record RequestEvent
{
    private RequestEvent() { }

    /// <summary>It was raised.</summary>
    public sealed record Raised(Ask Ask, string Digest) : RequestEvent;

    /// <summary>Somebody voted.</summary>
    public sealed record Voted(RecordedVote Vote) : RequestEvent;

    /// <summary>Every stage has its quorum, or the rule approves by itself.</summary>
    public sealed record Approved(DateTimeOffset At) : RequestEvent;

    /// <summary>The grant exists.</summary>
    public sealed record GrantConfirmed(string GrantId) : RequestEvent;

    /// <summary>It ended without a grant.</summary>
    public sealed record Closed(RequestPhase Phase, DateTimeOffset At, PrincipalId? By, string? Because) : RequestEvent;
}
