using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace JitGrains.Sessions;

/// <summary>What the grain of a person's sessions keeps. Immutable; bounded by <see cref="SessionsMachine.MaxSessions"/>.</summary>
public sealed record SessionsState
{
    /// <summary>The sessions, in the order in which they were begun.</summary>
    public ImmutableArray<Session> Sessions { get; init; } = [];

    /// <summary>Fields of later versions.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Extra { get; init; }
}

/// <summary>What happens to a person's sessions. Closed.</summary>
public abstract record SessionsEvent
{
    private SessionsEvent() { }

    /// <summary>One was begun.</summary>
    public sealed record Opened(Session Session) : SessionsEvent;

    /// <summary>One was used.</summary>
    public sealed record Used(string SessionId, DateTimeOffset At) : SessionsEvent;

    /// <summary>One is over.</summary>
    public sealed record Ended(Session Session, string Because) : SessionsEvent;
}
