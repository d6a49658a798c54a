using System.Collections.Immutable;
using System.Text.Json;
using JitGrains.Audit;

namespace JitGrains.Identity;

/// <summary>
/// How and when somebody signed in, by the claims of a validated token (OpenID Connect Core, section 2; RFC 8176). What the
/// issuer does not say is not known, and satisfies no demand. Immutable and thread-safe.
/// </summary>
[GenerateSerializer, Alias("jit.SignIn")]
public sealed record SignIn
{
    /// <summary>Nothing is known.</summary>
    public static readonly SignIn Unknown = new();

    private const int MostMethods = 16;
    private const int LongestWord = 256;

    /// <summary>When the person was last asked to show who they are (<c>auth_time</c>); null where not known.</summary>
    [Id(0)] public DateTimeOffset? At { get; init; }

    /// <summary>The class of the authentication (<c>acr</c>); null where not known.</summary>
    [Id(1)] public string? Acr { get; init; }

    /// <summary>The methods used (<c>amr</c>); empty where not known.</summary>
    [Id(2)] public ImmutableArray<string> Amr { get; init; } = [];

    /// <summary>What claims say. A claim of another form counts as missing.</summary>
    public static SignIn Of(ImmutableDictionary<string, JsonElement> claims)
    {
        var at = TimeOf(claims);
        var acr = claims.TryGetValue("acr", out var one) ? Word(one) : null;
        var amr = MethodsOf(claims);
        return at is null && acr is null && amr.IsEmpty ? Unknown : new SignIn { At = at, Acr = acr, Amr = amr };
    }

    /// <summary>The claims that say this: what <see cref="Of"/> reads.</summary>
    public ImmutableDictionary<string, JsonElement> ToClaims()
    {
        var claims = ImmutableDictionary<string, JsonElement>.Empty;
        if (At is { } at)
            claims = claims.SetItem("auth_time", JsonSerializer.SerializeToElement(at.ToUnixTimeSeconds()));
        if (Acr is not null)
            claims = claims.SetItem("acr", JsonSerializer.SerializeToElement(Acr));
        return Amr.IsEmpty ? claims : claims.SetItem("amr", JsonSerializer.SerializeToElement(Amr));
    }

    /// <summary>What audit entries say of it: what is known.</summary>
    public IEnumerable<AuditField> ToAudit() =>
    [
        .. At is { } at ? [AuditField.At("auth_time", at)] : Array.Empty<AuditField>(),
        .. AuditField.Optional("acr", Acr, personal: false),
        .. AuditField.Optional("amr", Amr.IsDefaultOrEmpty ? null : string.Join(' ', Amr), personal: false),
    ];

    private static DateTimeOffset? TimeOf(ImmutableDictionary<string, JsonElement> claims) =>
        claims.TryGetValue("auth_time", out var claim) && claim.ValueKind == JsonValueKind.Number && claim.TryGetDouble(out var seconds) && seconds is > 0 and < 253_000_000_000
            ? DateTimeOffset.UnixEpoch + TimeSpan.FromSeconds(Math.Floor(seconds))
            : null;

    private static ImmutableArray<string> MethodsOf(ImmutableDictionary<string, JsonElement> claims)
    {
        if (!claims.TryGetValue("amr", out var claim) || claim.ValueKind != JsonValueKind.Array || claim.GetArrayLength() > MostMethods)
            return [];
        var words = claim.EnumerateArray().Select(Word).ToArray();
        return words.Contains(null) ? [] : [.. words!];
    }

    private static string? Word(JsonElement claim) =>
        claim.ValueKind == JsonValueKind.String && claim.GetString() is { Length: > 0 and <= LongestWord } text && SafeText.IsSafeSentence(text) ? text : null;
}

/// <summary>
/// What somebody's sign-in must be: every part that is given must fit; within a list one is enough. Immutable and
/// thread-safe.
/// </summary>
[GenerateSerializer, Alias("jit.SignInDemand")]
public sealed record SignInDemand
{
    /// <summary>How far an issuer's clock may be ahead of ours.</summary>
    public static readonly TimeSpan Ahead = TimeSpan.FromMinutes(5);

    /// <summary>How long ago it may be, in seconds; null for any time.</summary>
    [Id(0)] public int? MaxAgeSeconds { get; init; }

    /// <summary>Classes of authentication (<c>acr</c>), one of which it must be; empty for any.</summary>
    [Id(1)] public ImmutableArray<string> Acr { get; init; } = [];

    /// <summary>Methods (<c>amr</c>), one of which must be among those used; empty for any.</summary>
    [Id(2)] public ImmutableArray<string> Amr { get; init; } = [];

    /// <summary>Whether a sign-in is what is demanded at this time. What is not known about it does not satisfy.</summary>
    public bool IsMetBy(SignIn? signIn, DateTimeOffset at)
    {
        var known = signIn ?? SignIn.Unknown;
        return (MaxAgeSeconds is not { } most || (known.At is { } then && then <= at + Ahead && at - then <= TimeSpan.FromSeconds(most)))
            && (Acr.IsEmpty || (known.Acr is { } acr && Acr.Contains(acr)))
            && (Amr.IsEmpty || AnyOf(known.Amr));
    }

    /// <summary>Whether these are the same demand: records compare arrays by identity.</summary>
    public static bool AreSame(SignInDemand? left, SignInDemand? right) =>
        ReferenceEquals(left, right)
        || (left is not null && right is not null && left.MaxAgeSeconds == right.MaxAgeSeconds
            && left.Acr.SequenceEqual(right.Acr, StringComparer.Ordinal) && left.Amr.SequenceEqual(right.Amr, StringComparer.Ordinal));

    /// <summary>As people read it: <c>at most 600 s ago, acr one of a b, amr one of mfa</c>.</summary>
    public override string ToString() => string.Join(", ", Parts());

    private bool AnyOf(ImmutableArray<string> used)
    {
        foreach (var method in used)
        {
            if (Amr.Contains(method))
                return true;
        }

        return false;
    }

    private IEnumerable<string> Parts()
    {
        if (MaxAgeSeconds is { } most)
            yield return $"at most {most} s ago";
        if (!Acr.IsEmpty)
            yield return $"acr one of {string.Join(' ', Acr)}";
        if (!Amr.IsEmpty)
            yield return $"amr one of {string.Join(' ', Amr)}";
    }
}
