using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using JitGrains.Audit;

namespace JitGrains.Gateways;

/// <summary>What a gateway's grain keeps. Immutable; bounded by <see cref="GatewayMachine.MaxMail"/>.</summary>
public sealed record GatewayState
{
    /// <summary>How far the lease has got.</summary>
    public LeasePhase Phase { get; init; }

    /// <summary>How many renewals succeeded.</summary>
    public long Renewals { get; init; }

    /// <summary>Mail that was not acknowledged, oldest first.</summary>
    public ImmutableArray<GatewayMail> Mail { get; init; } = [];

    /// <summary>The latest mail that was, by id, oldest first: so that mail which the store lost is not taken for acknowledged.</summary>
    public ImmutableArray<string> Acknowledged { get; init; } = [];

    /// <summary>For how long a renewal holds, by the gateway's clock.</summary>
    public TimeSpan Lease { get; init; }

    /// <summary>For how long calls under allow rules go on after it.</summary>
    public TimeSpan AllowMaxStale { get; init; }

    /// <summary>When it was opened.</summary>
    public DateTimeOffset? OpenedAt { get; init; }

    /// <summary>When it was last opened or renewed.</summary>
    public DateTimeOffset? RenewedAt { get; init; }

    /// <summary>When it was condemned or closed.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Why.</summary>
    public string? EndedBecause { get; init; }

    /// <summary>Fields of later versions.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Extra { get; init; }
}

/// <summary>What happens to a gateway's lease. Closed.</summary>
public abstract record GatewayEvent
{
    private GatewayEvent() { }

    /// <summary>The lease began.</summary>
    public sealed record Opened(string Incarnation, OpenLease Terms, DateTimeOffset At) : GatewayEvent;

    /// <summary>It was renewed.</summary>
    public sealed record Renewed(DateTimeOffset At) : GatewayEvent;

    /// <summary>Mail was left.</summary>
    public sealed record Posted(GatewayMail Mail) : GatewayEvent;

    /// <summary>Mail was applied.</summary>
    public sealed record Acknowledged(ImmutableArray<string> Ids) : GatewayEvent;

    /// <summary>No renewal succeeds from here on.</summary>
    public sealed record Condemned(string Incarnation, string Because, int Unacknowledged, DateTimeOffset At) : GatewayEvent;

    /// <summary>Nothing can start under it.</summary>
    public sealed record Closed(string Incarnation, string Because, DateTimeOffset At) : GatewayEvent;
}
