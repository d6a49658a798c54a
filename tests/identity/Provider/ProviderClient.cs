using System.Buffers.Text;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Web;

namespace JitGrains.IdentityTests.Provider;

/// <summary>What a token endpoint answered.</summary>
internal sealed record ProviderTokens(string Access, string? Id, string? Refresh);

/// <summary>Gets tokens from <see cref="OidcProvider"/> as real clients do. Each sign-in is a browser of its own. Thread-safe.</summary>
internal static class ProviderClient
{
    private const string Callback = "http://127.0.0.1:9/callback";

    /// <summary>Authorization code with PKCE: follows the redirects as a browser would, and redeems the code.</summary>
    /// <param name="provider">The provider.</param>
    /// <param name="who">Who signs in.</param>
    /// <param name="factors">Whether with a second factor.</param>
    public static async Task<ProviderTokens> SignIn(this OidcProvider provider, string who, bool factors = false)
    {
        var verifier = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        var query = Form(
            ("client_id", OidcProvider.Cli), ("response_type", "code"), ("redirect_uri", Callback), ("scope", "openid offline_access email groups"), ("prompt", "consent"),
            ("code_challenge", Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier)))), ("code_challenge_method", "S256"),
            ("login_hint", who), ("acr_values", factors ? "mfa" : "pwd"));
        using var browser = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() });
        var at = new Uri(provider.Address, "/auth?" + await query.ReadAsStringAsync());
        while (!at.AbsoluteUri.StartsWith(Callback, StringComparison.Ordinal))
        {
            using var response = await browser.GetAsync(at);
            Assert.True(response.StatusCode == HttpStatusCode.SeeOther, $"{at}: {response.StatusCode} {await response.Content.ReadAsStringAsync()}");
            at = new Uri(at, response.Headers.Location!);
        }

        var code = HttpUtility.ParseQueryString(at.Query)["code"];
        Assert.True(code is not null, at.Query);
        return await provider.Redeem(Form(("grant_type", "authorization_code"), ("client_id", OidcProvider.Cli), ("redirect_uri", Callback), ("code", code), ("code_verifier", verifier)));
    }

    /// <summary>Client credentials, as <see cref="OidcProvider.Service"/>.</summary>
    public static Task<ProviderTokens> ClientCredentials(this OidcProvider provider) =>
        provider.Redeem(Form(("grant_type", "client_credentials")), OidcProvider.Service);

    /// <summary>New tokens for a refresh token of <see cref="OidcProvider.Cli"/>.</summary>
    public static Task<ProviderTokens> Refresh(this OidcProvider provider, string refreshToken) =>
        provider.Redeem(Form(("grant_type", "refresh_token"), ("client_id", OidcProvider.Cli), ("refresh_token", refreshToken)));

    private static FormUrlEncodedContent Form(params (string Name, string Value)[] fields) => new(fields.Select(f => KeyValuePair.Create(f.Name, f.Value)));

    private static async Task<ProviderTokens> Redeem(this OidcProvider provider, HttpContent form, string? client = null)
    {
        using var http = new HttpClient();
        if (client is not null)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes($"{client}:{OidcProvider.Secret}")));
        using var response = await http.PostAsync(new Uri(provider.Address, "/token"), form);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        var json = JsonNode.Parse(text)!;
        return new ProviderTokens(json["access_token"]!.GetValue<string>(), json["id_token"]?.GetValue<string>(), json["refresh_token"]?.GetValue<string>());
    }
}
