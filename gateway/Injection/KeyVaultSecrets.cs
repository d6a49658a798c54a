using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Azure.Core;
using Azure.Identity;

namespace JitGrains.Gateway.Injection;

/// <summary>
/// Reads secrets from Azure key vaults (REST API, <c>GET {vault}/secrets/{name}/{version}</c>) as what the process is for Azure: a
/// managed or workload identity, or what the environment says (<see cref="DefaultAzureCredential"/>). Thread-safe.
/// </summary>
/// <param name="http">The client that asks.</param>
/// <param name="credential">Makes tokens; made when the first secret is read.</param>
internal sealed class KeyVaultSecrets(HttpClient http, Lazy<TokenCredential> credential)
{
    private const string ApiVersion = "7.4";

    /// <summary>Read anew so often; where the vault does not answer, the last value is good for so long.</summary>
    private static readonly TimeSpan Renew = TimeSpan.FromMinutes(5), Keep = TimeSpan.FromHours(1);

    /// <summary>Where vaults are, in all of Azure's clouds. Nobody else gets a token.</summary>
    private static readonly string[] Clouds = [".vault.azure.net", ".vault.azure.cn", ".vault.usgovcloudapi.net"];

    /// <summary>Tests run a vault of their own.</summary>
    internal Func<Uri, string?> ScopeOf { get; init; } = static address =>
        Clouds.FirstOrDefault(c => address.IdnHost.EndsWith(c, StringComparison.OrdinalIgnoreCase)) is { } cloud ? $"https://{cloud[1..]}/.default" : null;

    /// <summary>As what this process is for Azure.</summary>
    public static TokenCredential OfProcess() => new DefaultAzureCredential(new DefaultAzureCredentialOptions { ExcludeInteractiveBrowserCredential = true });

    /// <summary>Fetches a secret by its address.</summary>
    public async Task<Fetched<SecretValue>> Fetch(Uri address)
    {
        if (ScopeOf(address) is not { } scope)
            return Fetched<SecretValue>.Failed("its address is none of an Azure key vault");
        AccessToken token;
        try
        {
            token = await credential.Value.GetTokenAsync(new TokenRequestContext([scope]), CancellationToken.None);
        }
        catch (AuthenticationFailedException)
        {
            return Fetched<SecretValue>.Failed("Azure gives this process no token", gone: false);
        }

        using var request = new HttpRequestMessage(HttpMethod.Get, $"{address.GetLeftPart(UriPartial.Path)}?api-version={ApiVersion}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.Token);
        using var response = await http.SendAsync(request);
        if (!response.IsSuccessStatusCode)
        {
            // Whoever took the secret or the right to it away meant it; a vault that is down did not.
            var gone = response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.NotFound;
            return Fetched<SecretValue>.Failed($"the vault answered {(int)response.StatusCode}", gone);
        }

        using var document = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync());
        return document.RootElement.TryGetProperty("value", out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text
            ? new Fetched<SecretValue>(new SecretValue(text), Renew, Keep)
            : Fetched<SecretValue>.Failed("the vault's answer holds no value");
    }
}
