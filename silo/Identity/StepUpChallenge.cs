using System.Globalization;
using JitGrains.Identity;

namespace JitGrains.Silo.Identity;

/// <summary>The WWW-Authenticate header of a 401 that asks for another sign-in (RFC 9470, section 3). Stateless and thread-safe.</summary>
public static class StepUpChallenge
{
    /// <summary>The header's value. Methods (<c>amr</c>) have no parameter there; they are in the problem's members.</summary>
    public static string ValueFor(SignInDemand demand)
    {
        var value = "Bearer realm=\"jitgrains\", error=\"insufficient_user_authentication\", error_description=\"Another sign-in is needed\"";
        // Values hold neither quotes nor backslashes: the policy's loader sees to that.
        if (!demand.Acr.IsEmpty)
            value += $", acr_values=\"{string.Join(' ', demand.Acr)}\"";
        return demand.MaxAgeSeconds is { } age ? value + string.Create(CultureInfo.InvariantCulture, $", max_age=\"{age}\"") : value;
    }
}
