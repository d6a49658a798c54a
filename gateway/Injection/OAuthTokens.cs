using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using JitGrains.Policy;

namespace JitGrains.Gateway.Injection;

/// <summary>
/// Tokens by client credentials (RFC 6749 section 4.4): fetched by one call, kept for all, and fetched anew ahead of their end
/// without anybody waiting. Thread-safe.
/// </summary>
internal sealed class OAuthTokens(HttpClient http, SecretReader secrets, TimeProvider time, ILogger<OAuthTokens> logger)
{
    /// <summary>Of a token without a stated end.</summary>
    private static readonly TimeSpan Unstated = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan LongestKept = TimeSpan.FromDays(1);

    private readonly ConcurrentDictionary<OAuthCredential, Kept<SecretValue>> known = new();

    /// <summary>The token of a credential.</summary>
    public Kept<SecretValue> Of(OAuthCredential credential) =>
        known.GetOrAdd(credential, c => new Kept<SecretValue>($"The token of {c.ClientId} from {c.TokenUrl.GetLeftPart(UriPartial.Path)}", () => Fetch(c), time, logger));

    private async Task<Fetched<SecretValue>> Fetch(OAuthCredential credential)
    {
        if (await secrets.Read(credential.ClientSecret) is not { } secret)
            return Fetched<SecretValue>.Failed("its client secret cannot be read");
        var form = new List<KeyValuePair<string, string>> { new("grant_type", "client_credentials") };
        if (credential.Scope is not null)
            form.Add(new("scope", credential.Scope));
        if (credential.Audience is not null)
            form.Add(new("audience", credential.Audience));
        using var request = new HttpRequestMessage(HttpMethod.Post, credential.TokenUrl);
        if (credential.InBody)
            form.AddRange([new("client_id", credential.ClientId), new("client_secret", secret.Text.Reveal())]);
        else
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", BasicOf(credential.ClientId, secret.Text.Reveal()));
        request.Headers.Accept.ParseAdd("application/json");
        request.Content = new FormUrlEncodedContent(form);
        using var response = await http.SendAsync(request);
        if (!response.IsSuccessStatusCode)
            return Fetched<SecretValue>.Failed($"the answer was {(int)response.StatusCode}", gone: false);
        var answer = await response.Content.ReadFromJsonAsync<JsonElement>();
        if (answer.ValueKind != JsonValueKind.Object
            || !answer.TryGetProperty("access_token", out var token) || token.ValueKind != JsonValueKind.String
            || token.GetString() is not { Length: > 0 and <= 16 * 1024 } text || !UpstreamCredential.IsHeaderText(text)
            || !answer.TryGetProperty("token_type", out var type) || type.ValueKind != JsonValueKind.String || !"Bearer".Equals(type.GetString(), StringComparison.OrdinalIgnoreCase))
        {
            return Fetched<SecretValue>.Failed("the answer holds no bearer token");
        }

        var life = answer.TryGetProperty("expires_in", out var seconds) && seconds.TryGetInt64(out var stated) && stated > 0
            ? TimeSpan.FromSeconds(Math.Min(stated, (long)LongestKept.TotalSeconds))
            : Unstated;
        // The call that it goes with must still arrive.
        return new Fetched<SecretValue>(new SecretValue(text), life * 0.8, life * 0.95);
    }

    /// <summary>Both are form-encoded first (RFC 6749 section 2.3.1).</summary>
    private static string BasicOf(string id, string secret) =>
        Convert.ToBase64String(Encoding.ASCII.GetBytes($"{Encode(id)}:{Encode(secret)}"));

    private static string Encode(string text) => Uri.EscapeDataString(text).Replace("%20", "+", StringComparison.Ordinal);
}
