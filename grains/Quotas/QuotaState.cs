using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace JitGrains.Quotas;

/// <summary>What a shared limit's grain keeps. Immutable; bounded by <see cref="QuotaMachine.MaxGateways"/>.</summary>
public sealed record QuotaState
{
    /// <summary>Who holds how much, by gateway.</summary>
    public ImmutableSortedDictionary<string, QuotaHolding> Holdings { get; init; } = ImmutableSortedDictionary.Create<string, QuotaHolding>(StringComparer.Ordinal);

    /// <summary>Fields of later versions.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Extra { get; init; }
}

/// <summary>What a gateway holds.</summary>
/// <param name="Parts">How many parts.</param>
/// <param name="Demand">How much it was lately asked for.</param>
/// <param name="Until">When it no longer uses them, unless it has renewed.</param>
public sealed record QuotaHolding(int Parts, long Demand, DateTimeOffset Until);

/// <summary>What happens to a shared limit. Closed.</summary>
public abstract record QuotaEvent
{
    private QuotaEvent() { }

    /// <summary>A gateway's part was leased anew; what had run out is gone.</summary>
    public sealed record Leased(string Gateway, QuotaHolding Holding, DateTimeOffset At) : QuotaEvent;

    /// <summary>A gateway gave its part back.</summary>
    public sealed record Returned(string Gateway) : QuotaEvent;
}
