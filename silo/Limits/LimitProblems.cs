using System.Collections.Immutable;
using JitGrains.Limits;
using JitGrains.Silo.ControlPlane;

namespace JitGrains.Silo.Limits;

/// <summary>
/// The answer to what a limit refuses: 429 (RFC 6585) with <c>Retry-After</c> and the RateLimit fields, and the member
/// <c>violated-policies</c> of draft-ietf-httpapi-ratelimit-headers-10. Stateless and thread-safe.
/// </summary>
public static class LimitProblems
{
    /// <summary>The answer.</summary>
    /// <param name="refused">The limits that have no room.</param>
    public static Problem Of(ImmutableArray<LimitStanding> refused)
    {
        var names = refused.Select(r => r.Limit.Definition.Name).Distinct(StringComparer.Ordinal).ToArray();
        // Nobody else can be known to take it first, but sooner than this there is none.
        var wait = refused.Select(r => r.Wait).DefaultIfEmpty(TimeSpan.Zero).Max();
        var (policy, limit) = RateLimitFields.Of(refused);
        var problem = new Problem("rate-limited", 429, "Too many requests", "A rate limit is used up. Send it again after the time that Retry-After says.")
            .With("violated-policies", names)
            .RetryAfter(wait);
        return policy.Length == 0 ? problem : problem.WithHeader(RateLimitFields.Policy, policy).WithHeader(RateLimitFields.Limit, limit);
    }
}
