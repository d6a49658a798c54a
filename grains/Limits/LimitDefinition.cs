using System.Collections.Immutable;
using JitGrains.Policy.Loading;

namespace JitGrains.Limits;

/// <summary>What a limit counts.</summary>
public enum LimitSubject
{
    /// <summary>Calls at the gateway.</summary>
    Calls,

    /// <summary>Calls at the gateway or the control plane whose token was missing or not accepted.</summary>
    FailedAuthentication,

    /// <summary>Approval requests raised. Joining one that is open is none.</summary>
    Asks,

    /// <summary>Votes sent to the control plane.</summary>
    Votes,

    /// <summary>Calls of the token endpoint.</summary>
    TokenCalls,
}

/// <summary>What has a budget of its own under a limit. None: all that it is about share one.</summary>
[Flags]
public enum LimitKeys
{
    /// <summary>One budget for all.</summary>
    None = 0,

    /// <summary>Each subject of a token, whoever acts for it.</summary>
    Principal = 1,

    /// <summary>Whoever is nearest to the call: the first actor, or the principal where nobody acts for it.</summary>
    Actor = 2,

    /// <summary>Each listed group; a call counts in all of them that its caller is in.</summary>
    Group = 4,

    /// <summary>Each client address; of IPv6 each /64 network, since that is what one client has.</summary>
    Address = 8,

    /// <summary>Each API.</summary>
    Api = 16,

    /// <summary>Each action.</summary>
    Action = 32,

    /// <summary>Each API key; calls that are made otherwise do not count.</summary>
    ApiKey = 64,
}

/// <summary>How a limit is kept.</summary>
public enum LimitAlgorithm
{
    /// <summary>A token bucket: so many a period on the long run, a burst at once.</summary>
    Bucket,

    /// <summary>A sliding window: never more within any period.</summary>
    Window,

    /// <summary>So many at the same time.</summary>
    Concurrent,
}

/// <summary>When the RateLimit fields are sent with answers that no limit refused. With refusals they always are.</summary>
public enum LimitHeaders
{
    /// <summary>Once less than a fifth is left.</summary>
    Low,

    /// <summary>With every answer.</summary>
    Always,

    /// <summary>Never.</summary>
    Refused,
}

/// <summary>The numbers of a limit. Immutable.</summary>
/// <param name="Algorithm">How it is kept.</param>
/// <param name="Units">How many in a period, or at the same time.</param>
/// <param name="Period">The period; zero for <see cref="LimitAlgorithm.Concurrent"/>.</param>
/// <param name="Burst">How many at once, for <see cref="LimitAlgorithm.Bucket"/>; otherwise as <paramref name="Units"/>.</param>
public sealed record LimitTerms(LimitAlgorithm Algorithm, int Units, TimeSpan Period, int Burst)
{
    /// <summary>The most that can ever be taken at once.</summary>
    public int Most => Algorithm == LimitAlgorithm.Bucket ? Burst : Units;

    /// <summary>The time within which <see cref="Most"/> comes back; zero for <see cref="LimitAlgorithm.Concurrent"/>.</summary>
    public TimeSpan Refill => Algorithm switch
    {
        LimitAlgorithm.Bucket => TimeSpan.FromTicks((long)((Int128)Period.Ticks * Burst / Units)),
        LimitAlgorithm.Window => Period,
        _ => TimeSpan.Zero,
    };

    /// <summary>Into how many parts the limit can be divided among gateways: its units, or fractions of a rate.</summary>
    public int Parts => Algorithm == LimitAlgorithm.Bucket ? 10_000 : Units;
}

/// <summary>A limit as policy has it, without whom and what it is about. Immutable and thread-safe.</summary>
public sealed record LimitDefinition
{
    /// <summary>Its name; callers see it.</summary>
    public required string Name { get; init; }

    /// <summary>What it counts.</summary>
    public LimitSubject Counts { get; init; }

    /// <summary>What has a budget of its own.</summary>
    public LimitKeys Per { get; init; }

    /// <summary>Its numbers.</summary>
    public required LimitTerms Terms { get; init; }

    /// <summary>Whether all gateways keep it together.</summary>
    public bool Shared { get; init; }

    /// <summary>Whether calls that are held for approval count among those at the same time.</summary>
    public bool CountsHeld { get; init; }

    /// <summary>When callers are told how much is left.</summary>
    public LimitHeaders Headers { get; init; }

    /// <summary>The groups of <see cref="LimitKeys.Group"/>, qualified.</summary>
    public ImmutableArray<string> Groups { get; init; } = [];

    /// <summary>What it admits, in words.</summary>
    public override string ToString()
    {
        var most = Terms.Algorithm switch
        {
            LimitAlgorithm.Bucket => $"{Terms.Units} every {Durations.Show(Terms.Period)}, {Terms.Burst} at once",
            LimitAlgorithm.Window => $"{Terms.Units} within {Durations.Show(Terms.Period)}",
            _ => $"{Terms.Units} at the same time{(CountsHeld ? ", held ones too" : "")}",
        };
        return Per == LimitKeys.None ? $"{most}, all together" : $"{most}, per {Per.ToString().Replace("ApiKey", "API_key", StringComparison.Ordinal).ToLowerInvariant().Replace(", ", " and ", StringComparison.Ordinal)}";
    }

    /// <summary>
    /// Whether what was counted under the other still counts under this one, as it is when a policy is loaded again: the
    /// same name, the same budgets and the same numbers. Whom and what it is about may have changed.
    /// </summary>
    public bool Continues(LimitDefinition other) =>
        Name == other.Name && Counts == other.Counts && Per == other.Per && Terms == other.Terms && Shared == other.Shared;
}
