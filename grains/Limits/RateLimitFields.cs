using System.Globalization;
using System.Text;

namespace JitGrains.Limits;

/// <summary>
/// The RateLimit-Policy and RateLimit fields of draft-ietf-httpapi-ratelimit-headers-10 (lists of RFC 9651). Names of limits
/// are tokens, so nothing in them needs escaping. No partition keys are sent: what a client would learn from them is whom
/// it shares a budget with. Stateless and thread-safe.
/// </summary>
public static class RateLimitFields
{
    /// <summary>The field that says what the limits are.</summary>
    public const string Policy = "RateLimit-Policy";

    /// <summary>The field that says what is left of them.</summary>
    public const string Limit = "RateLimit";

    /// <summary>The fields for limits as they stand.</summary>
    public static (string Policy, string Limit) Of(IReadOnlyList<LimitStanding> standings)
    {
        var (policy, limit) = (new StringBuilder(), new StringBuilder());
        foreach (var standing in standings)
        {
            var separator = policy.Length == 0 ? "" : ", ";
            policy.Append(separator).Append(standing.Limit.RateLimitPolicy);
            limit.Append(separator).Append(standing.Limit.RateLimitName).Append(CultureInfo.InvariantCulture, $";r={standing.Remaining}");
            if (standing.Limit.Definition.Terms.Algorithm != LimitAlgorithm.Concurrent)
                limit.Append(CultureInfo.InvariantCulture, $";t={Seconds(standing.Wait)}");
        }

        return (policy.ToString(), limit.ToString());
    }

    /// <summary>Whole seconds, rounded up: never a time that is too early.</summary>
    public static long Seconds(TimeSpan time) => (long)Math.Ceiling(time.TotalSeconds);

    internal static (string Item, string Name) PolicyOf(LimitDefinition limit)
    {
        var name = $"\"{limit.Name}\"";
        var item = limit.Terms.Algorithm == LimitAlgorithm.Concurrent
            ? $"{name};q={limit.Terms.Most};qu=\"concurrent-requests\""
            : $"{name};q={limit.Terms.Most};w={Math.Max(1, Seconds(limit.Terms.Refill))}";
        return (item, name);
    }
}

/// <summary>How it stands with a limit for one of its keys.</summary>
/// <param name="Limit">The limit.</param>
/// <param name="Remaining">How many units are left.</param>
/// <param name="Wait">How long until there is one more; zero where that is not known.</param>
public readonly record struct LimitStanding(LiveLimit Limit, int Remaining, TimeSpan Wait);
