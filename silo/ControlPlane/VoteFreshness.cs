using System.Globalization;
using JitGrains.Identity;

namespace JitGrains.Silo.ControlPlane;

/// <summary>
/// Votes are cast by people who have just shown who they are: by a token issued a short while ago, or in a session whose
/// sign-in was then. Stateless and thread-safe.
/// </summary>
internal static class VoteFreshness
{
    /// <summary>Why the caller may not vote now; null where it may.</summary>
    /// <param name="caller">Who votes.</param>
    /// <param name="now">The time.</param>
    /// <param name="within">How long ago the token may have been issued, or the sign-in made.</param>
    public static Problem? ProblemOf(Caller caller, DateTimeOffset now, TimeSpan within) =>
        now - caller.TokenIssuedAt <= within
            ? null
            : Problems.SignInNeeded(new SignInDemand { MaxAgeSeconds = (int)within.TotalSeconds }) with
            {
                Detail = string.Create(CultureInfo.InvariantCulture, $"Votes need a token that was issued, or a sign-in that was made, within the last {within.TotalMinutes:0} minutes."),
            };
}
