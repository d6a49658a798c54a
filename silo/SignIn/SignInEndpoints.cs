using System.Globalization;
using System.Text;
using JitGrains.Identity;
using JitGrains.Sessions;
using JitGrains.Silo.ControlPlane;
using JitGrains.Silo.Limits;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.WebUtilities;

namespace JitGrains.Silo.SignIn;

/// <summary>A provider as clients of the control plane need to know it.</summary>
/// <param name="Realm">Its realm.</param>
/// <param name="Name">What people are shown.</param>
/// <param name="Issuer">Its identifier, where discovery begins.</param>
/// <param name="Cli">How <c>jit login</c> signs in there, or null.</param>
internal sealed record ProviderView(string Realm, string Name, string Issuer, ProviderCliView? Cli);

/// <summary>How <c>jit login</c> signs in at a provider.</summary>
internal sealed record ProviderCliView(string ClientId, string Scopes, string? Resource, string Token);

/// <summary>Signing in and out with a browser. What is read from the address can only make the sign-in stricter.</summary>
internal static class SignInEndpoints
{
    public static void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/", HomeAsync);
        endpoints.MapGet("/signin", BeginAsync);
        endpoints.MapGet("/signin/callback/{realm}", EndAsync);
        endpoints.MapGet("/signin/providers", Providers);
        endpoints.MapGet("/signin/style.css", static (HttpContext http) =>
        {
            http.Response.Headers.CacheControl = "public, max-age=3600";
            return Results.Text(SignInPages.Style, "text/css", Encoding.UTF8);
        });
        endpoints.MapGet("/signout", HomeAsync);
        endpoints.MapPost("/signout", SignOutAsync);
        endpoints.MapGet(SignInFlow.SignedOutPath, static (SignInFlow flow) => flow.Providers.Count == 0 ? Problems.NotFound("address") : SignInPages.SignedOutEverywhere());
    }

    /// <summary>The address of a sign-in that meets a demand, for whoever is signed in in a session and is asked for more.</summary>
    public static string AddressFor(Session session, Problem needed)
    {
        var query = new Dictionary<string, string?>(StringComparer.Ordinal) { ["realm"] = session.Principal.Realm };
        if (needed.Members.GetValueOrDefault("max_age_seconds") is int age)
            query["max_age"] = age.ToString(CultureInfo.InvariantCulture);
        if (needed.Members.GetValueOrDefault("acr") is IEnumerable<string> classes)
            query["acr_values"] = string.Join(' ', classes);
        // A provider that knows the person already looks at neither class nor methods unless it asks again.
        if (needed.Members.GetValueOrDefault("amr") is not null || query.ContainsKey("acr_values"))
            query["again"] = "true";
        return QueryHelpers.AddQueryString("/signin", query);
    }

    private static async Task<IResult> HomeAsync(HttpContext http, SessionKeeper sessions, SignInFlow flow, Access access)
    {
        if (flow.Providers.Count == 0)
            return Problems.NotFound("address");
        if (await sessions.FindAsync(http) is not { } session)
            return Results.Redirect("/signin");
        return SignInPages.SignedIn(session, access.RolesOf(SessionKeeper.CallerOf(session)));
    }

    private static async Task<IResult> BeginAsync(HttpContext http, SignInFlow flow, Limiting limiting)
    {
        if (limiting.TooManyFailures(http) is { } tooMany)
            return tooMany;
        if (flow.Providers.Count == 0)
            return Problems.NotFound("address");
        var query = new QueryFields(http.Request);
        var (realm, @return, age, acr) = (query.Text("realm"), query.Text("return", 1024), query.Text("max_age", 10), query.Text("acr_values", 512));
        var again = query.Flag("again");
        if (query.Finish() is not null || !TryDemand(age, acr, out var demand))
            return SignInPages.Failed(400, "The address of this sign-in is malformed.");
        var provider = realm is null ? (flow.Providers.Count == 1 ? flow.Providers[0] : null) : flow.Providers.FirstOrDefault(p => p.Realm == realm);
        if (provider is null && realm is not null)
            return SignInPages.Failed(404, "There is no such provider to sign in at.");
        if (provider is null)
            return SignInPages.Choose(flow.Providers.Select(p => (p.ShownName, QueryHelpers.AddQueryString("/signin" + http.Request.QueryString, "realm", p.Realm))));
        return await flow.BeginAsync(http, provider, IsOwnPath(@return) ? @return! : "/", demand, again) is { } address
            ? Results.Redirect(address)
            : SignInPages.Failed(503, "The provider does not answer. Try again in a moment.");
    }

    private static async Task<IResult> EndAsync(string realm, HttpContext http, SignInFlow flow, SessionKeeper sessions, Limiting limiting)
    {
        http.Response.Headers.CacheControl = "no-store";
        if (limiting.TooManyFailures(http) is { } tooMany)
            return tooMany;
        switch (await flow.EndAsync(http, realm))
        {
            case SignInResult.Done done:
                if (await sessions.OpenAsync(http, done.Caller) is null)
                    return SignInPages.Failed(403, "An operator has blocked you.");
                // Nothing of the provider's answer stays in the address.
                return Results.Redirect(done.Pending.Return);
            case SignInResult.Failed failed:
                limiting.Failed(http);
                return SignInPages.Failed(failed.Status, failed.Because);
            default:
                throw new InvalidOperationException("Results of a sign-in are closed.");
        }
    }

    private static async Task<IResult> SignOutAsync(HttpContext http, SessionKeeper sessions, SessionCookies cookies, CrossSite pages, SignInFlow flow)
    {
        if (!pages.IsOwnPage(http.Request))
            return SignInPages.Failed(403, "Another site asked to sign you out.");
        await sessions.EndAsync(http, SessionEnds.SignedOut);
        cookies.DropSession(http);
        return SignInPages.SignedOut(cookies.ReadSession(http) is { } left ? await flow.EndSessionAsync(left.Principal.Realm, http.RequestAborted) : null);
    }

    private static IResult Providers(HttpContext http, SiloOptions options, ProviderHttp providers)
    {
        http.Response.Headers.CacheControl = "no-store";
        return ControlPlane.Json.Ok(new ListView<ProviderView>([.. options.SignIn.Providers.Select(p => new ProviderView(
            p.Realm,
            p.ShownName,
            providers.Issuer(p.Realm).Issuer,
            p.CliClientId is { } client ? new ProviderCliView(client, p.CliScopes, p.CliResource, p.CliToken) : null))]));
    }

    private static bool TryDemand(string? age, string? acr, out SignInDemand? demand)
    {
        demand = null;
        var seconds = 0;
        if (age is not null && !(int.TryParse(age, NumberStyles.None, CultureInfo.InvariantCulture, out seconds) && seconds <= 30 * 86_400))
            return false;
        var classes = acr?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
        if (age is not null || classes.Length > 0)
            demand = new SignInDemand { MaxAgeSeconds = age is null ? null : seconds, Acr = [.. classes] };
        return true;
    }

    /// <summary>A path of ours and nothing that a browser takes for another host.</summary>
    private static bool IsOwnPath(string? path) =>
        path is { Length: > 0 } && path[0] == '/' && (path.Length == 1 || path[1] is not ('/' or '\\')) && path.All(c => c is > ' ' and < '\x7f' and not '\\');
}
