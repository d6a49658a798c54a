using System.Text;
using System.Text.Encodings.Web;
using JitGrains.Sessions;
using Microsoft.AspNetCore.Http;

namespace JitGrains.Silo.SignIn;

/// <summary>The few pages that signing in needs: plain HTML, no script, everything from outside escaped. Stateless and thread-safe.</summary>
internal static class SignInPages
{
    public const string Style = """
        body { font: 16px/1.5 system-ui, sans-serif; color: #1d2430; background: #f4f5f7; margin: 0; }
        main { max-width: 30rem; margin: 12vh auto 0; padding: 2rem; background: #fff; border: 1px solid #d8dce3; border-radius: 8px; }
        h1 { font-size: 1.25rem; margin: 0 0 1rem; }
        p { margin: 0 0 1rem; }
        dl { display: grid; grid-template-columns: 8rem 1fr; gap: .25rem 1rem; margin: 0 0 1.5rem; }
        dt { color: #5b6675; }
        dd { margin: 0; overflow-wrap: anywhere; }
        ul { list-style: none; margin: 0; padding: 0; }
        li { margin: 0 0 .5rem; }
        a.button, button { display: block; width: 100%; box-sizing: border-box; padding: .6rem 1rem; font: inherit; text-align: center; text-decoration: none; color: #fff; background: #1f5fbf; border: 0; border-radius: 6px; cursor: pointer; }
        a.button:hover, button:hover { background: #174a96; }
        a.button:focus-visible, button:focus-visible { outline: 3px solid #9cc1f5; outline-offset: 2px; }
        """;

    /// <summary>Where to sign in.</summary>
    public static IResult Choose(IEnumerable<(string Name, string Address)> providers) => new Page(200, "Sign in", Join(
        "<p>Sign in with</p><ul>",
        string.Concat(providers.Select(p => $"<li><a class=\"button\" href=\"{Escape(p.Address)}\">{Escape(p.Name)}</a></li>")),
        "</ul>"));

    /// <summary>Who is signed in.</summary>
    public static IResult SignedIn(Session session, IEnumerable<string> roles) => new Page(200, "Signed in", Join(
        "<dl>",
        Entry("As", session.Principal.Value),
        Entry("Groups", session.Groups.IsEmpty ? "none" : string.Join(", ", session.Groups)),
        Entry("Roles", string.Join(", ", roles.DefaultIfEmpty("none"))),
        Entry("Until", $"{session.ExpiresAt.UtcDateTime:yyyy-MM-dd HH:mm} UTC, or {session.Idle.TotalMinutes:0} minutes without use"),
        "</dl>",
        "<form method=\"post\" action=\"/signout\"><button>Sign out</button></form>"));

    /// <summary>Nobody is, any more.</summary>
    /// <param name="provider">Where one can sign out of the provider too, or null.</param>
    public static IResult SignedOut((string Name, string Address)? provider) => new Page(200, "Signed out", Join(
        "<p>You are signed out here. The provider may still know you.</p><ul>",
        provider is { } other ? $"<li><a class=\"button\" href=\"{Escape(other.Address)}\">Sign out at {Escape(other.Name)} too</a></li>" : "",
        "<li><a class=\"button\" href=\"/signin\">Sign in</a></li></ul>"));

    /// <summary>Nor at the provider.</summary>
    public static IResult SignedOutEverywhere() => new Page(200, "Signed out", "<p>You are signed out.</p><a class=\"button\" href=\"/signin\">Sign in</a>");

    /// <summary>It did not work.</summary>
    public static IResult Failed(int status, string because) =>
        new Page(status, "Sign-in failed", $"<p>{Escape(because)}</p><a class=\"button\" href=\"/signin\">Sign in again</a>");

    private static string Entry(string name, string value) => $"<dt>{Escape(name)}</dt><dd>{Escape(value)}</dd>";

    private static string Escape(string text) => HtmlEncoder.Default.Encode(text);

    private static string Join(params string[] parts) => string.Concat(parts);

    /// <summary>A page with the headers that keep it from doing, and being, anything else.</summary>
    private sealed record Page(int Status, string Title, string Body) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            response.StatusCode = Status;
            response.ContentType = "text/html; charset=utf-8";
            response.Headers.CacheControl = "no-store";
            response.Headers.ContentSecurityPolicy = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
            response.Headers["Referrer-Policy"] = "same-origin";
            response.Headers["Cross-Origin-Opener-Policy"] = "same-origin";
            return response.WriteAsync(
                $"<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{Escape(Title)} - JitGrains</title>"
                + $"<link rel=\"stylesheet\" href=\"/signin/style.css\"></head><body><main><h1>{Escape(Title)}</h1>{Body}</main></body></html>",
                Encoding.UTF8,
                httpContext.RequestAborted);
        }
    }
}
