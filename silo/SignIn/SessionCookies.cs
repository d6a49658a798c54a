using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using JitGrains.Identity;
using Microsoft.AspNetCore.Http;

namespace JitGrains.Silo.SignIn;

/// <summary>What a browser shows of its session: whose it is, and the secret.</summary>
/// <param name="Principal">Whose session; not proved by this, but by the secret's hash in that person's sessions.</param>
/// <param name="SecretHash">SHA-256 of the secret, in base64url.</param>
internal readonly record struct PresentedSession(PrincipalId Principal, string SecretHash);

/// <summary>
/// The cookies. Over https they have the prefix <c>__Host-</c>, so that no other host of the domain can set them; on
/// loopback without TLS browsers take no such name. Never readable by scripts. Thread-safe.
/// </summary>
internal sealed class SessionCookies(SiloOptions options)
{
    private const int SecretBytes = 32;
    private readonly bool secure = options.PublicUrl is not { Scheme: "http" };

    /// <summary>The session's.</summary>
    public string SessionName => secure ? "__Host-jitgrains" : "jitgrains";

    /// <summary>That of a sign-in that was begun.</summary>
    public string PendingName => secure ? "__Host-jitgrains-signin" : "jitgrains-signin";

    /// <summary>A new secret and its hash.</summary>
    public static (string Secret, string Hash) NewSecret()
    {
        var secret = RandomNumberGenerator.GetBytes(SecretBytes);
        return (Base64Url.EncodeToString(secret), Base64Url.EncodeToString(SHA256.HashData(secret)));
    }

    public void SetSession(HttpContext http, PrincipalId principal, string secret) =>
        http.Response.Cookies.Append(SessionName, $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(principal.Value))}.{secret}", Attributes());

    // Lax, as the provider's answer comes from another site; the session's too, or a link from a message would find nobody signed in.
    public void SetPending(HttpContext http, string text) =>
        http.Response.Cookies.Append(PendingName, text, Attributes(PendingSignIn.Within));

    public void DropSession(HttpContext http) => http.Response.Cookies.Delete(SessionName, Attributes());

    public void DropPending(HttpContext http) => http.Response.Cookies.Delete(PendingName, Attributes());

    /// <summary>Whether a request has a session's cookie at all.</summary>
    public bool HasSession(HttpContext http) => http.Request.Cookies.ContainsKey(SessionName);

    /// <summary>The session that the browser shows; null where there is none, or it is not one of ours.</summary>
    public PresentedSession? ReadSession(HttpContext http)
    {
        if (!http.Request.Cookies.TryGetValue(SessionName, out var text) || text.Length > 1024)
            return null;
        var dot = text.IndexOf('.', StringComparison.Ordinal);
        if (dot < 1 || !Base64Url.IsValid(text.AsSpan(0, dot)) || !Base64Url.IsValid(text.AsSpan(dot + 1), out var length) || length != SecretBytes)
            return null;
        var name = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(text.AsSpan(0, dot)));
        return PrincipalId.TryParse(name, null, out var principal, out _)
            ? new PresentedSession(principal, Base64Url.EncodeToString(SHA256.HashData(Base64Url.DecodeFromChars(text.AsSpan(dot + 1)))))
            : null;
    }

    private CookieOptions Attributes(TimeSpan? maxAge = null) => new()
    {
        HttpOnly = true,
        Secure = secure,
        SameSite = SameSiteMode.Lax,
        Path = "/",
        MaxAge = maxAge,
        IsEssential = true,
    };
}
