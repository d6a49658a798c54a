using JitGrains.Identity;
using JitGrains.Restrictions;
using JitGrains.Runtime.Engine;
using JitGrains.Sessions;
using Microsoft.AspNetCore.Http;

namespace JitGrains.Silo.SignIn;

/// <summary>
/// Browsers' sessions. Each request asks the person's grain, so a session that was ended anywhere is over everywhere at once;
/// and whether the person is blocked, which ends it. Thread-safe.
/// </summary>
internal sealed class SessionKeeper(SessionCookies cookies, SiloOptions options, IGrainFactory grains, IIdGenerator ids)
{
    /// <summary>The session that the browser shows, and lives; null otherwise.</summary>
    public async Task<Session?> FindAsync(HttpContext http)
    {
        if (cookies.ReadSession(http) is not { } shown)
            return null;
        var sessions = grains.GetGrain<ISessionsGrain>(shown.Principal.Value);
        if ((await sessions.Use(shown.SecretHash)).Value is not { } session)
            return null;
        if (!await IsBlockedAsync(session.Principal))
            return session;
        await sessions.End(new EndSession(session.Id, SessionEnds.Blocked));
        return null;
    }

    /// <summary>Begins a session for who has just signed in, in place of the one that this browser may have; null for whom is blocked.</summary>
    public async Task<Session?> OpenAsync(HttpContext http, Caller caller)
    {
        await EndAsync(http, SessionEnds.Replaced);
        var (secret, hash) = SessionCookies.NewSecret();
        var sessions = grains.GetGrain<ISessionsGrain>(caller.Principal.Value);
        var opened = await sessions.Open(new OpenSession(
            new Session
            {
                Id = "ss_" + ids.NewSuffix(),
                SecretHash = hash,
                Principal = caller.Principal,
                Groups = [.. caller.Groups.Order(StringComparer.Ordinal)],
                SignIn = caller.SignIn,
                ExpiresAt = default,
                Idle = options.SignIn.Idle,
                TokenIssuedAt = caller.TokenIssuedAt,
            },
            options.SignIn.Lifetime));
        // Looked at after it was begun: a block either sees it here, or is seen by the next request.
        var session = opened.Value ?? throw new InvalidOperationException("a session cannot be refused");
        if (await IsBlockedAsync(session.Principal))
        {
            await sessions.End(new EndSession(session.Id, SessionEnds.Blocked));
            cookies.DropSession(http);
            return null;
        }

        cookies.SetSession(http, session.Principal, secret);
        return session;
    }

    /// <summary>Ends the session that the browser shows, if there is one.</summary>
    public async Task EndAsync(HttpContext http, string because)
    {
        if (cookies.ReadSession(http) is not { } shown)
            return;
        var sessions = grains.GetGrain<ISessionsGrain>(shown.Principal.Value);
        if ((await sessions.List()).Items.FirstOrDefault(s => s.SecretHash == shown.SecretHash) is { } session)
            await sessions.End(new EndSession(session.Id, because));
    }

    /// <summary>Who calls in a session. A sign-in counts from when the person was asked, where the issuer says that.</summary>
    public static Caller CallerOf(Session session) => new()
    {
        Principal = session.Principal,
        Groups = [.. session.Groups],
        Claims = session.SignIn.ToClaims(),
        TokenIssuedAt = session.SignIn.At ?? session.TokenIssuedAt,
        TokenExpiresAt = session.EndsAt,
    };

    private async Task<bool> IsBlockedAsync(PrincipalId principal) =>
        (await grains.GetGrain<IRestrictionsGrain>(IRestrictionsGrain.Key).Get()).Blocks.Any(b => b.Principal == principal);
}
