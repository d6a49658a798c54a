using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace JitGrains.Restrictions;

/// <summary>What the restrictions' grain keeps. Immutable; bounded by the limits of <see cref="RestrictionsMachine"/>.</summary>
public sealed record RestrictionsState
{
    /// <summary>Rises with each change.</summary>
    public long Version { get; init; }

    /// <summary>Who is blocked, by principal.</summary>
    public ImmutableDictionary<string, PrincipalBlock> Blocks { get; init; } = ImmutableDictionary<string, PrincipalBlock>.Empty;

    /// <summary>What is revoked by what it has in common, at most one for each selector.</summary>
    public ImmutableArray<MatchingRevocation> Revocations { get; init; } = [];

    /// <summary>The latest command ids, oldest first.</summary>
    public ImmutableArray<string> Recent { get; init; } = [];

    /// <summary>Fields of later versions.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Extra { get; init; }
}

/// <summary>What happens to the restrictions. Closed.</summary>
public abstract record RestrictionsEvent
{
    private RestrictionsEvent() { }

    /// <summary>A principal was blocked.</summary>
    public sealed record Blocked(string CommandId, PrincipalBlock Block) : RestrictionsEvent;

    /// <summary>A principal was unblocked.</summary>
    public sealed record Unblocked(UnblockCommand Command) : RestrictionsEvent;

    /// <summary>What matches was revoked.</summary>
    public sealed record Revoked(RevokeMatchingCommand Command, DateTimeOffset UpTo) : RestrictionsEvent;

    /// <summary>A command changed nothing; it is remembered all the same.</summary>
    public sealed record Noted(string CommandId) : RestrictionsEvent;

    /// <summary>Revocations that no living grant can match any more are forgotten.</summary>
    public sealed record Tidied(DateTimeOffset At) : RestrictionsEvent;
}
