using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using JitGrains.Identity;
using JitGrains.Silo.Identity;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Logging;

namespace JitGrains.Silo.SignIn;

/// <summary>Who signed in, or why nobody did. Closed.</summary>
internal abstract record SignInResult
{
    private SignInResult() { }

    /// <summary>Somebody did.</summary>
    public sealed record Done(Caller Caller, PendingSignIn Pending) : SignInResult;

    /// <summary>Nobody did.</summary>
    /// <param name="Status">The answer's status.</param>
    /// <param name="Because">One sentence for people; quotes nothing that came from outside.</param>
    public sealed record Failed(int Status, string Because) : SignInResult;
}

/// <summary>
/// Sign-in by OpenID Connect: authorization code with PKCE (RFC 7636), state and nonce, <c>iss</c> in the answer (RFC 9207)
/// and an address to come back to for each provider, so that no provider's answer passes for another's (RFC 9700). Thread-safe.
/// </summary>
internal sealed partial class SignInFlow(
    SiloOptions options, ProviderEndpoints endpoints, ProviderHttp http, TokenValidator tokens, PendingSeal seal, SessionCookies cookies, TimeProvider time, ILogger<SignInFlow> logger)
{
    /// <summary>Clocks of providers may be so far off.</summary>
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(30);

    private readonly Dictionary<string, SecretText> secrets = options.SignIn.Providers.ToDictionary(p => p.Realm, p => p.ReadSecret(), StringComparer.Ordinal);

    /// <summary>Where the provider sends people who have signed out of it too.</summary>
    public const string SignedOutPath = "/signedout";

    /// <summary>Those at which people sign in with a browser.</summary>
    public IReadOnlyList<SignInProvider> Providers { get; } = [.. options.SignIn.Providers.Where(p => p.HasBrowser)];

    /// <summary>Begins a sign-in: where the browser goes, or null where the provider does not answer.</summary>
    /// <param name="context">The request; its answer gets the cookie.</param>
    /// <param name="provider">Where to sign in.</param>
    /// <param name="return">The path to go on at.</param>
    /// <param name="demand">What the sign-in must be, or null.</param>
    /// <param name="again">Whether the provider asks the person in any case.</param>
    public async Task<string?> BeginAsync(HttpContext context, SignInProvider provider, string @return, SignInDemand? demand, bool again)
    {
        if (await endpoints.FindAsync(provider.Realm, context.RequestAborted) is not { } addresses)
            return null;
        var pending = PendingSignIn.Begin(provider.Realm, @return, demand, time.GetUtcNow());
        cookies.SetPending(context, seal.Seal(pending));
        var query = new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["response_type"] = "code",
            ["client_id"] = provider.ClientId,
            ["redirect_uri"] = CallbackOf(provider),
            ["scope"] = provider.Scopes,
            ["state"] = pending.State,
            ["nonce"] = pending.Nonce,
            ["code_challenge"] = pending.Challenge,
            ["code_challenge_method"] = "S256",
        };
        if (demand?.MaxAgeSeconds is { } age)
            query["max_age"] = age.ToString(System.Globalization.CultureInfo.InvariantCulture);
        if (demand is { Acr.IsEmpty: false })
            query["acr_values"] = string.Join(' ', demand.Acr);
        if (again)
            query["prompt"] = "login";
        return QueryHelpers.AddQueryString(addresses.Authorization, query);
    }

    /// <summary>Ends a sign-in with what the provider sent the browser back with.</summary>
    public async Task<SignInResult> EndAsync(HttpContext context, string realm)
    {
        var query = context.Request.Query;
        var pending = seal.Open(context.Request.Cookies[cookies.PendingName], time.GetUtcNow());
        cookies.DropPending(context);
        if (pending is null || pending.Realm != realm || Providers.FirstOrDefault(p => p.Realm == realm) is not { } provider)
            return new SignInResult.Failed(400, "This sign-in was not begun in this browser, or too long ago. Begin it again.");
        if (query["state"] is not [{ } state] || !Same(state, pending.State))
            return new SignInResult.Failed(400, "The answer belongs to another sign-in. Begin it again.");
        if (await endpoints.FindAsync(provider.Realm, context.RequestAborted) is not { } addresses)
            return Unreachable;
        var iss = query["iss"];
        if (iss.Count == 0 ? addresses.NamesItself : iss.Count > 1 || iss[0] != IssuerOf(provider))
            return Refuse(realm, "iss", "The answer is not the provider's where the sign-in was begun.");
        if (query["error"] is [{ } error, ..])
            return Refuse(realm, SafeText.IsToken(error) ? error : "error", error == "access_denied" ? "The provider says that it was refused." : "The provider could not sign you in.");
        if (query["code"] is not [{ Length: > 0 and <= 4096 } code])
            return Refuse(realm, "code", "The provider's answer has no code.");
        return await RedeemAsync(provider, addresses, pending, code, context.RequestAborted);
    }

    /// <summary>
    /// Where somebody who has signed out here can sign out of the provider too (OpenID Connect RP-Initiated Logout 1.0), and its name; null where
    /// it says of no such place. No ID token is kept that could be shown there as a hint, so the provider asks whether that is meant.
    /// </summary>
    public async Task<(string Name, string Address)?> EndSessionAsync(string realm, CancellationToken cancellation)
    {
        if (Providers.FirstOrDefault(p => p.Realm == realm) is not { } provider || await endpoints.FindAsync(realm, cancellation) is not { EndSession: { } address })
            return null;
        var query = new Dictionary<string, string?>(StringComparer.Ordinal) { ["client_id"] = provider.ClientId };
        if (provider.SignedOutRedirect)
            query["post_logout_redirect_uri"] = options.PublicUrl!.AbsoluteUri.TrimEnd('/') + SignedOutPath;
        return (provider.ShownName, QueryHelpers.AddQueryString(address, query));
    }

    private static SignInResult.Failed Unreachable => new(503, "The provider does not answer. Try again in a moment.");

    private async Task<SignInResult> RedeemAsync(SignInProvider provider, ProviderAddresses addresses, PendingSignIn pending, string code, CancellationToken cancellation)
    {
        var (idToken, error) = await IdTokenAsync(provider, addresses, pending, code, cancellation);
        if (idToken is null)
            return error == "unreachable" ? Unreachable : Refuse(provider.Realm, error, "The provider did not take the code that it gave. Begin again.");
        var now = time.GetUtcNow();
        return await tokens.ValidateIdTokenAsync(idToken, IssuerOf(provider), provider.ClientId, pending.Nonce, now, cancellation) switch
        {
            TokenResult.Valid { Caller: var caller } when caller.Involved.Length > 1 => Refuse(provider.Realm, "act", "People sign in themselves, not through somebody who acts for them."),
            TokenResult.Valid { Caller: var caller } when pending.Demand?.IsMetBy(caller.SignIn, now - Skew) == false =>
                Refuse(provider.Realm, "demand", $"You are signed in at the provider, but not as is needed here: {pending.Demand}."),
            TokenResult.Valid { Caller: var caller } => new SignInResult.Done(caller, pending),
            TokenResult.Invalid invalid => Refuse(provider.Realm, invalid.Code, $"The provider's ID token is not accepted ({invalid.Code}). {invalid.Detail}"),
            _ => Unreachable,
        };
    }

    private async Task<(string? IdToken, string Error)> IdTokenAsync(SignInProvider provider, ProviderAddresses addresses, PendingSignIn pending, string code, CancellationToken cancellation)
    {
        var form = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["grant_type"] = "authorization_code",
            ["code"] = code,
            ["redirect_uri"] = CallbackOf(provider),
            ["client_id"] = provider.ClientId,
            ["code_verifier"] = pending.Verifier,
        };
        using var request = new HttpRequestMessage(HttpMethod.Post, addresses.Token);
        var secret = secrets[provider.Realm];
        if (!secret.IsEmpty && addresses.SecretInBody)
            form["client_secret"] = secret.Reveal();
        else if (!secret.IsEmpty)
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes($"{Uri.EscapeDataString(provider.ClientId)}:{Uri.EscapeDataString(secret.Reveal())}")));
        request.Content = new FormUrlEncodedContent(form);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        try
        {
            using var response = await http.Client(provider.Realm).SendAsync(request, cancellation);
            if ((int)response.StatusCode >= 500)
                return (null, "unreachable");
            using var answer = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(cancellation));
            if (Text(answer.RootElement, "id_token") is { } token && response.IsSuccessStatusCode)
                return (token, "");
            return (null, Text(answer.RootElement, "error") is { } error && SafeText.IsToken(error) ? error : "no-id-token");
        }
        catch (JsonException)
        {
            return (null, "no-json");
        }
        catch (Exception e) when (e is HttpRequestException || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            return (null, "unreachable");
        }
    }

    private SignInResult.Failed Refuse(string realm, string why, string because)
    {
        LogRefused(logger, realm, why);
        return new SignInResult.Failed(400, because);
    }

    private string IssuerOf(SignInProvider provider) => http.Issuer(provider.Realm).Issuer;

    private string CallbackOf(SignInProvider provider) => $"{options.PublicUrl!.AbsoluteUri.TrimEnd('/')}/signin/callback/{provider.Realm}";

    private static bool Same(string left, string right) => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(left), Encoding.UTF8.GetBytes(right));

    private static string? Text(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
