using System.Text.Json;
using JitGrains.Cli.Api;

namespace JitGrains.Cli.Login;

/// <summary>A provider's token endpoint, as a public client uses it.</summary>
internal static class TokenEndpoint
{
    /// <summary>How long before its end a token is not used any more.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(30);

    public static bool IsGood(StoredLogin login, DateTimeOffset now) => now < login.ExpiresAt - Margin;

    /// <summary>The login with new tokens for a code or a refresh token, or why there are none.</summary>
    public static async Task<(StoredLogin? Login, ApiAnswer? Failure)> RedeemAsync(HttpClient http, StoredLogin login, IEnumerable<KeyValuePair<string, string>> grant, DateTimeOffset now, CancellationToken ct)
    {
        List<KeyValuePair<string, string>> form = [.. grant, new("client_id", login.ClientId)];
        if (login.Resource is { } resource)
            form.Add(new("resource", resource));
        using var request = new HttpRequestMessage(HttpMethod.Post, login.TokenEndpoint) { Content = new FormUrlEncodedContent(form) };
        var answer = await HttpExchange.SendAsync(http, request, "identity provider", ct);
        if (answer is not ApiAnswer.Ok ok)
            return (null, answer);
        if (WireReader.Text(ok.Body, login.Use) is not { } token || !Api.Identity.CanBeToken(token))
        {
            return (null, new ApiAnswer.Unreadable(
                $"the provider's {login.Use} is not a JWT, so that nobody could check it: an administrator sets CliResource, or CliToken to the other kind"));
        }

        var lives = ok.Body.TryGetProperty("expires_in", out var seconds) && seconds.ValueKind == JsonValueKind.Number && seconds.TryGetInt64(out var value) ? value : 300;
        return (login with
        {
            Token = token,
            RefreshToken = WireReader.Text(ok.Body, "refresh_token") ?? login.RefreshToken,
            ExpiresAt = now.AddSeconds(Math.Clamp(lives, 0, 366 * 86_400)),
        }, null);
    }

    /// <summary>New tokens for the refresh token, kept at once: providers take each only once.</summary>
    public static async Task<(StoredLogin? Login, ApiAnswer? Failure)> RefreshAsync(HttpClient http, LoginStore store, StoredLogin login, DateTimeOffset now, CancellationToken ct)
    {
        var result = await RedeemAsync(http, login, [new("grant_type", "refresh_token"), new("refresh_token", login.RefreshToken!)], now, ct);
        if (result.Login is { } fresh)
            store.Save(fresh);
        return result;
    }
}
