using JitGrains.Identity;
using JitGrains.Policy.Schema;

namespace JitGrains.Policy.Loading;

/// <summary>Reads what somebody's sign-in must be.</summary>
internal static class SignInBinder
{
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Most = TimeSpan.FromDays(30);

    public static SignInDemand? Read(Cursor at)
    {
        if (at.Shape(PolicyShapes.SignIn) is not { } keys)
            return null;
        if (keys["max_age"] is null && keys["acr"] is null && keys["amr"] is null)
            return at.Fail<SignInDemand>("this demands nothing; give max_age, acr or amr");
        return new SignInDemand
        {
            MaxAgeSeconds = keys["max_age"]?.Duration(Least, Most) is { } age ? (int)age.TotalSeconds : null,
            Acr = keys["acr"] is { } acr ? acr.List(Word) : [],
            Amr = keys["amr"] is { } amr ? amr.List(Word) : [],
        };
    }

    // They go into a challenge (RFC 9470), where spaces separate them and quotes end them.
    private static string? Word(Cursor at)
    {
        var text = at.Text(256);
        return text is null || text.All(c => c is > ' ' and <= '~' and not ('"' or '\\')) ? text : at.Fail<string>("such a value has printable ASCII characters only, without spaces, quotes and backslashes");
    }
}
