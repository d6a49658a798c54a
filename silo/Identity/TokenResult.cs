using JitGrains.Identity;

namespace JitGrains.Silo.Identity;

/// <summary>What came of checking a call's Authorization header. Closed.</summary>
public abstract record TokenResult
{
    private TokenResult() { }

    /// <summary>The caller is known.</summary>
    public sealed record Valid(Caller Caller) : TokenResult;

    /// <summary>401.</summary>
    /// <param name="Code">A stable word, one of <see cref="TokenCodes"/>.</param>
    /// <param name="Detail">One sentence; never quotes the token.</param>
    public sealed record Invalid(string Code, string Detail) : TokenResult;

    /// <summary>503: the issuer's keys cannot be had, so the token cannot be checked.</summary>
    /// <param name="Detail">One sentence; never quotes the token.</param>
    public sealed record Unavailable(string Detail) : TokenResult;
}

/// <summary>Why tokens are refused. Stable words, for clients and metrics.</summary>
public static class TokenCodes
{
    /// <summary>No Authorization header.</summary>
    public const string Missing = "token-missing";

    /// <summary>More than one Authorization header.</summary>
    public const string Several = "several-authorization-headers";

    /// <summary>Another scheme than Bearer.</summary>
    public const string Scheme = "scheme-unsupported";

    /// <summary>More than 16 KiB.</summary>
    public const string TooLarge = "token-too-large";

    /// <summary>Not a signed JWT as RFC 7519 and RFC 8725 want it.</summary>
    public const string Malformed = "token-malformed";

    /// <summary>No accepted issuer.</summary>
    public const string Issuer = "issuer-unknown";

    /// <summary>Another type than this issuer's tokens for us have: one for signing out, a proof.</summary>
    public const string Type = "type-refused";

    /// <summary>An algorithm that this issuer does not use.</summary>
    public const string Algorithm = "algorithm-refused";

    /// <summary>The issuer has no such key.</summary>
    public const string Key = "key-unknown";

    /// <summary>The signature is wrong.</summary>
    public const string Signature = "signature-invalid";

    /// <summary>For somebody else.</summary>
    public const string Audience = "audience-wrong";

    /// <summary>Its time is over.</summary>
    public const string Expired = "token-expired";

    /// <summary>Its time has not come.</summary>
    public const string NotYetValid = "token-not-yet-valid";

    /// <summary>A claim is missing or has the wrong form.</summary>
    public const string Claims = "claims-malformed";

    /// <summary>A claim that the configuration requires is missing or has another value.</summary>
    public const string Required = "claim-required";

    /// <summary>Principals are named by e-mail address, and this one is not verified.</summary>
    public const string Email = "email-unverified";

    /// <summary>Who triggered the job is not in the token, or not known here.</summary>
    public const string Trigger = "trigger-unknown";

    /// <summary>The principal's name is missing or cannot be shown safely.</summary>
    public const string Principal = "principal-malformed";

    /// <summary>The actor chain is malformed, too long or of another issuer.</summary>
    public const string Actors = "actors-malformed";

    /// <summary>A group's name cannot be shown safely, or the claim is no list.</summary>
    public const string Groups = "groups-malformed";

    /// <summary>The issuer left groups out of the token (overage), so deny rules could miss.</summary>
    public const string GroupsIncomplete = "groups-incomplete";
}
