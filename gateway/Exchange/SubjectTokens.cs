using JitGrains.Gateway.Grants;
using JitGrains.Gateway.Limits;
using JitGrains.Gateway.Telemetry;
using JitGrains.Identity;
using JitGrains.Silo.ControlPlane;
using JitGrains.Silo.Identity;

namespace JitGrains.Gateway.Exchange;

/// <summary>Who wants a token in exchange.</summary>
/// <param name="Caller">Whose own token it is.</param>
/// <param name="Bound">What the new token is bound to: what the own one is, or else the key that the request proves to hold; null for nothing.</param>
internal sealed record Subject(Caller Caller, Confirmation? Bound);

/// <summary>
/// Tells whose a <c>subject_token</c> is. One that is bound to a certificate or a key counts with that only: over a connection with the
/// certificate, or with a proof by the key for this endpoint (DPoP, RFC 9449 section 5). Thread-safe.
/// </summary>
internal sealed class SubjectTokens(ITokenValidator tokens, ExchangedTokens exchanged, RestrictionsCopy restrictions, CallLimiter limiter, GatewayMetrics metrics, TimeProvider time)
{
    /// <summary>One of the three: whose it is, why there is no token, or why that cannot be said.</summary>
    public async Task<(Subject? Subject, OAuthError? Error, Problem? Problem)> Examine(HttpContext context, string token)
    {
        if (limiter.Limiting.TooManyFailures(context) is { } tooMany)
        {
            metrics.Unauthenticated("limited");
            return (null, null, tooMany);
        }

        var presented = Credentials.OfTokenRequest(context, token);
        var now = time.GetUtcNow();
        Subject? subject = null;
        var result = await tokens.ValidateAsync(presented, now, context.RequestAborted);
        if (result is TokenResult.Valid { Caller: var caller })
        {
            Confirmation.TryRead(caller.Claims, out var bound);
            string? key = null;
            // Where it is bound to a key, the proof has been looked at.
            if (bound?.Key is null && exchanged.ProblemOfKey(presented, token, now, out key) is { } refused)
                result = refused;
            else
                subject = new Subject(caller, key is null ? bound : new Confirmation(bound?.Certificate, key));
        }

        switch (result)
        {
            case TokenResult.Valid when restrictions.Current.IsBlocked(subject!.Caller):
                return (null, new OAuthError("access_denied", Problems.Blocked.Detail) { Code = Problems.Blocked.Name }, null);
            case TokenResult.Valid:
                return (subject, null, null);
            case TokenResult.Invalid invalid:
                limiter.Limiting.Failed(context);
                metrics.Unauthenticated(invalid.Code);
                return (null, new OAuthError(PossessionCodes.IsDpop(invalid.Code) ? "invalid_dpop_proof" : "invalid_request", "subject_token: " + invalid.Detail) { Code = invalid.Code }, null);
            case TokenResult.Unavailable unavailable:
                metrics.Unauthenticated("unavailable");
                return (null, null, Problems.Unavailable(unavailable.Detail));
            default:
                throw new InvalidOperationException("Token results are closed.");
        }
    }
}
