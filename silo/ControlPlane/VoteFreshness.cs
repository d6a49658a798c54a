using JitGrains.Identity;

namespace JitGrains.Silo.ControlPlane;

/// <summary>
/// Votes are cast by people who have just shown who they are: by a token issued a short while ago, or in a session whose
/// sign-in was then. Stateless and thread-safe.
/// </summary>
internal static class VoteFreshness
{
    /// <summary>How long ago that may be.</summary>
    public static readonly TimeSpan Within = TimeSpan.FromMinutes(10);

    private static readonly SignInDemand Demand = new() { MaxAgeSeconds = (int)Within.TotalSeconds };

    /// <summary>Why the caller may not vote now; null where it may.</summary>
    public static Problem? ProblemOf(Caller caller, DateTimeOffset now) =>
        now - caller.TokenIssuedAt <= Within
            ? null
            : Problems.SignInNeeded(Demand) with { Detail = "Votes need a token that was issued, or a sign-in that was made, within the last 10 minutes." };
}
