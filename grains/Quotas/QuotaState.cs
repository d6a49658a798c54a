using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace JitGrains.Quotas;

/// <summary>What a shared limit's grain keeps. Immutable; bounded by <see cref="QuotaMachine.MaxGateways"/> and <see cref="QuotaMachine.MaxGone"/>.</summary>
public sealed record QuotaState
{
    /// <summary>Who holds how much, by gateway.</summary>
    public ImmutableSortedDictionary<string, QuotaHolding> Holdings { get; init; } = ImmutableSortedDictionary.Create<string, QuotaHolding>(StringComparer.Ordinal);

    /// <summary>Fields of later versions.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Extra { get; init; }
}

/// <summary>What a gateway holds, and what it leaves.</summary>
/// <param name="Parts">How many parts nobody else can have.</param>
/// <param name="Demand">How much it was lately asked for.</param>
/// <param name="Until">When it no longer uses them, unless it has renewed.</param>
/// <param name="InUse">How many parts it had used up.</param>
/// <param name="UsedUntil">When these have come back, whether or not the gateway is there; null where they go with it.</param>
public sealed record QuotaHolding(int Parts, long Demand, DateTimeOffset Until, int InUse = 0, DateTimeOffset? UsedUntil = null);

/// <summary>What happens to a shared limit. Closed.</summary>
public abstract record QuotaEvent
{
    private QuotaEvent() { }

    /// <summary>A gateway's part was leased anew; what had run out is gone.</summary>
    public sealed record Leased(string Gateway, QuotaHolding Holding, DateTimeOffset At) : QuotaEvent;

    /// <summary>A gateway gave its part back, but for what it had used of it.</summary>
    public sealed record Returned(string Gateway, QuotaHolding? Left = null) : QuotaEvent;
}
