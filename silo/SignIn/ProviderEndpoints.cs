using JitGrains.Silo.Identity;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace JitGrains.Silo.SignIn;

/// <summary>Where a provider takes people and codes, by its discovery document.</summary>
/// <param name="Authorization">The authorization endpoint.</param>
/// <param name="Token">The token endpoint.</param>
/// <param name="NamesItself">Whether its answers carry <c>iss</c> (RFC 9207).</param>
/// <param name="SecretInBody">Whether clients send their secret in the form, since the provider takes it nowhere else.</param>
/// <param name="EndSession">Where people sign out of it (OpenID Connect RP-Initiated Logout 1.0), or null.</param>
internal sealed record ProviderAddresses(string Authorization, string Token, bool NamesItself, bool SecretInBody, string? EndSession);

/// <summary>
/// Discovery documents of the providers, fetched when first needed and again after five minutes. Where a provider does not
/// answer, what is known serves on: the token endpoint has to answer anyway. Thread-safe.
/// </summary>
internal sealed class ProviderEndpoints(ProviderHttp http, TimeProvider time)
{
    private static readonly TimeSpan RefreshAfter = TimeSpan.FromMinutes(5);

    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, (ProviderAddresses Addresses, long At)> known = new(StringComparer.Ordinal);

    /// <summary>The addresses of a realm's provider, or null where it does not answer, or not as one should.</summary>
    public async Task<ProviderAddresses?> FindAsync(string realm, CancellationToken cancellation)
    {
        var found = known.TryGetValue(realm, out var last);
        if (found && time.GetElapsedTime(last.At) < RefreshAfter)
            return last.Addresses;
        if (await FetchAsync(realm, cancellation) is not { } fetched)
            return found ? last.Addresses : null;
        known[realm] = (fetched, time.GetTimestamp());
        return fetched;
    }

    private async Task<ProviderAddresses?> FetchAsync(string realm, CancellationToken cancellation)
    {
        var issuer = http.Issuer(realm);
        try
        {
            var document = new OpenIdConnectConfiguration(await http.Client(realm).GetStringAsync(issuer.Discovery ?? issuer.Issuer.TrimEnd('/') + "/.well-known/openid-configuration", cancellation));
            if (document.Issuer != issuer.Issuer || !IsAddress(document.AuthorizationEndpoint) || !IsAddress(document.TokenEndpoint))
                return null;
            var methods = document.TokenEndpointAuthMethodsSupported;
            return new ProviderAddresses(
                document.AuthorizationEndpoint,
                document.TokenEndpoint,
                document.AuthorizationResponseIssParameterSupported,
                methods.Contains("client_secret_post") && !methods.Contains("client_secret_basic"),
                IsAddress(document.EndSessionEndpoint) ? document.EndSessionEndpoint : null);
        }
        catch (Exception e) when (e is HttpRequestException or ArgumentException or System.Text.Json.JsonException || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            return null;
        }
    }

    private static bool IsAddress(string? address) => IssuerOptions.IsAcceptableAddress(address?.Split('?', 2)[0]);
}

/// <summary>The providers' issuers as the configuration has them, and the connections to them. Thread-safe.</summary>
internal sealed class ProviderHttp : IDisposable
{
    private readonly Dictionary<string, (IssuerOptions Issuer, HttpClient Http)> providers;

    public ProviderHttp(SiloOptions options) => providers = options.Issuers.Select(IssuerPresets.Apply)
        .Where(i => options.SignIn.Providers.Any(p => p.Realm == i.Realm))
        .ToDictionary(i => i.Realm, i => (i, IssuerHttp.Create(i)), StringComparer.Ordinal);

    public IssuerOptions Issuer(string realm) => providers[realm].Issuer;

    public HttpClient Client(string realm) => providers[realm].Http;

    public void Dispose()
    {
        foreach (var (_, http) in providers.Values)
            http.Dispose();
    }
}
