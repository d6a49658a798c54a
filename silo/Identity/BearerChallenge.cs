using Microsoft.AspNetCore.Http;

namespace JitGrains.Silo.Identity;

/// <summary>The WWW-Authenticate header of a 401 (RFC 6750, section 3; RFC 9449, section 7.1). Stateless and thread-safe.</summary>
public static class BearerChallenge
{
    /// <summary>Sets the header. A call without any bearer token is told the scheme only.</summary>
    public static void Set(HttpResponse response, TokenResult.Invalid invalid) =>
        response.Headers.WWWAuthenticate = ValueFor(invalid);

    /// <summary>The header's value.</summary>
    public static string ValueFor(TokenResult.Invalid invalid) => invalid.Code switch
    {
        TokenCodes.Missing or TokenCodes.Scheme => "Bearer realm=\"jitgrains\"",
        TokenCodes.Several => $"Bearer realm=\"jitgrains\", error=\"invalid_request\", error_description=\"{invalid.Code}\"",
        PossessionCodes.ProofMissing or PossessionCodes.ProofUnbound or PossessionCodes.ProofKey => Dpop("invalid_token", invalid.Code),
        _ when PossessionCodes.IsDpop(invalid.Code) => Dpop("invalid_dpop_proof", invalid.Code),
        _ => $"Bearer realm=\"jitgrains\", error=\"invalid_token\", error_description=\"{invalid.Code}\"",
    };

    private static string Dpop(string error, string code) =>
        $"DPoP realm=\"jitgrains\", algs=\"{string.Join(' ', DpopProof.Algorithms)}\", error=\"{error}\", error_description=\"{code}\"";
}
