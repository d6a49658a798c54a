using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Identity;

namespace JitGrains.Principals;

/// <summary>What a principal's grain keeps. Immutable; bounded by what is open and by the windows of its latest grants.</summary>
public sealed record PrincipalState
{
    /// <summary>Open asks by re-join key: pending, or approved with their grant still active.</summary>
    public ImmutableDictionary<string, OpenAsk> Asks { get; init; } = ImmutableDictionary<string, OpenAsk>.Empty;

    /// <summary>Active grants, and ended ones that still have an execution running or ended a moment ago.</summary>
    public ImmutableDictionary<string, HeldGrant> Grants { get; init; } = ImmutableDictionary<string, HeldGrant>.Empty;

    /// <summary>
    /// Grants that are gone from <see cref="Grants"/>, by id, until their window would have ended: an approval delivered
    /// a second time must not bring one back.
    /// </summary>
    public ImmutableDictionary<string, DateTimeOffset> Gone { get; init; } = ImmutableDictionary<string, DateTimeOffset>.Empty;

    /// <summary>Until when the same ask is refused after a denial, by action and resource.</summary>
    public ImmutableDictionary<string, DateTimeOffset> CoolDowns { get; init; } = ImmutableDictionary<string, DateTimeOffset>.Empty;

    /// <summary>When identical calls last ran, by re-join key; the latest few.</summary>
    public ImmutableDictionary<string, DateTimeOffset> LastUses { get; init; } = ImmutableDictionary<string, DateTimeOffset>.Empty;

    /// <summary>Grants approved up to this instant are revoked, those still on their way too.</summary>
    public DateTimeOffset? RevokedUpTo { get; init; }

    /// <summary>Rises with each change of the set of active grants.</summary>
    public long Version { get; init; }

    /// <summary>Fields of later versions.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Extra { get; init; }
}

/// <summary>An ask that has its approval request.</summary>
public sealed record OpenAsk
{
    /// <summary>The approval request.</summary>
    public required string RequestId { get; init; }

    /// <summary>When the request lapses undecided.</summary>
    public required DateTimeOffset DecideBy { get; init; }

    /// <summary>The grant it created, if it has.</summary>
    public string? GrantId { get; init; }

    /// <summary>Whether the caller has taken it back; the request's grain may still have decided it before it heard.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool CancelAsked { get; init; }

    /// <summary>Fields of later versions.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Extra { get; init; }
}

/// <summary>A grant in its holder's hands.</summary>
public sealed record HeldGrant
{
    /// <summary>The grant as signed.</summary>
    public required Grant Grant { get; init; }

    /// <summary>Its status.</summary>
    public GrantStatus Status { get; init; } = GrantStatus.Active;

    /// <summary>Uses left; null for any number.</summary>
    public int? UsesLeft { get; init; }

    /// <summary>Executions without an outcome, by id.</summary>
    public ImmutableDictionary<string, ExecutionRecord> Open { get; init; } = ImmutableDictionary<string, ExecutionRecord>.Empty;

    /// <summary>The latest execution.</summary>
    public ExecutionRecord? Last { get; init; }

    /// <summary>When it ended.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Who ended it, if somebody did.</summary>
    public PrincipalId? EndedBy { get; init; }

    /// <summary>Fields of later versions.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Extra { get; init; }
}

/// <summary>What happens to a principal. Closed.</summary>
public abstract record PrincipalEvent
{
    private PrincipalEvent() { }

    /// <summary>A new ask.</summary>
    public sealed record AskRaised(Ask Ask) : PrincipalEvent;

    /// <summary>The caller takes an ask back.</summary>
    public sealed record CancelWanted(string RequestId, PrincipalId By) : PrincipalEvent;

    /// <summary>An ask is over: decided against, lapsed, taken back, or its grant ended.</summary>
    public sealed record AskClosed(string RequestId) : PrincipalEvent;

    /// <summary>A denial: the same ask has to wait.</summary>
    public sealed record CoolDownBegan(string Subject, DateTimeOffset Until) : PrincipalEvent;

    /// <summary>A grant was taken on.</summary>
    public sealed record GrantTaken(Grant Grant) : PrincipalEvent;

    /// <summary>A grant was not taken on.</summary>
    public sealed record GrantRejected(string RequestId, string Because) : PrincipalEvent;

    /// <summary>A use was taken.</summary>
    public sealed record UseTaken(ExecutionRecord Execution, string RejoinKey) : PrincipalEvent;

    /// <summary>A grant ended.</summary>
    public sealed record GrantEnded(string GrantId, GrantStatus Status, DateTimeOffset At, PrincipalId? By, string? Reason) : PrincipalEvent;

    /// <summary>All grants approved up to now are revoked.</summary>
    public sealed record AllRevoked(DateTimeOffset UpTo) : PrincipalEvent;

    /// <summary>An execution has its outcome.</summary>
    public sealed record OutcomeKnown(ExecutionRecord Execution) : PrincipalEvent;

    /// <summary>What no longer matters at this time is forgotten.</summary>
    public sealed record Tidied(DateTimeOffset At) : PrincipalEvent;
}
