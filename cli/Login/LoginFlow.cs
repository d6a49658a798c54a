using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using JitGrains.Cli.Api;

namespace JitGrains.Cli.Login;

/// <summary>What a login asks the provider for.</summary>
/// <param name="Realm">Which provider, where there are several.</param>
/// <param name="MaxAge">How long ago the person may have been asked, or null.</param>
/// <param name="Acr">Classes of authentication, or null.</param>
/// <param name="Again">Whether the person is asked in any case.</param>
/// <param name="Browser">Whether to open one.</param>
internal sealed record LoginWish(string? Realm, TimeSpan? MaxAge, string? Acr, bool Again, bool Browser);

/// <summary>Authorization code with PKCE over a loopback redirect (RFC 7636, RFC 8252), at a provider that the control plane names.</summary>
internal sealed class LoginFlow(Invocation run)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>Signs in; the login, not yet kept, or the exit code after having said why not.</summary>
    public async Task<(StoredLogin? Login, int ExitCode)> SignInAsync(LoginWish wish, CancellationToken ct)
    {
        var (provider, failed) = await ProviderAsync(wish.Realm, ct);
        if (provider is null)
            return (null, failed);
        var discovery = await GetAsync(provider.Issuer.TrimEnd('/') + "/.well-known/openid-configuration", "identity provider", ct);
        if (discovery is not ApiAnswer.Ok { Body: var document })
            return (null, run.Output.Failed(discovery));
        if (WireReader.Text(document, "issuer") != provider.Issuer
            || WireReader.Text(document, "authorization_endpoint") is not { } authorization || !IsSafe(authorization)
            || WireReader.Text(document, "token_endpoint") is not { } token || !IsSafe(token))
        {
            return (null, run.Output.Failed("the identity provider does not describe itself as one does"));
        }

        var login = new StoredLogin
        {
            Control = run.ControlAddress.AbsoluteUri,
            Gateway = run.GatewayAddress.AbsoluteUri,
            Realm = provider.Realm,
            TokenEndpoint = token,
            ClientId = provider.Cli!.ClientId,
            Resource = provider.Cli.Resource,
            Use = provider.Cli.Token,
            Token = "",
            ExpiresAt = default,
        };
        var namesItself = document.TryGetProperty("authorization_response_iss_parameter_supported", out var names) && names.ValueKind == JsonValueKind.True;
        return await ByBrowserAsync(login, provider, authorization, namesItself, wish, ct);
    }

    private async Task<(StoredLogin?, int)> ByBrowserAsync(StoredLogin login, Provider provider, string authorization, bool namesItself, LoginWish wish, CancellationToken ct)
    {
        var (state, verifier) = (Random(), Random());
        using var receiver = LoopbackReceiver.Start();
        List<KeyValuePair<string, string>> query =
        [
            new("response_type", "code"), new("client_id", login.ClientId), new("redirect_uri", receiver.Address), new("scope", provider.Cli!.Scopes), new("state", state),
            new("code_challenge", Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier)))), new("code_challenge_method", "S256"),
        ];
        // Without this, providers give no refresh token that outlives the browser's session.
        if (wish.Again || provider.Cli.Scopes.Split(' ').Contains("offline_access", StringComparer.Ordinal))
            query.Add(new("prompt", wish.Again ? "login consent" : "consent"));
        if (login.Resource is { } resource)
            query.Add(new("resource", resource));
        if (wish.MaxAge is { } age)
            query.Add(new("max_age", ((long)age.TotalSeconds).ToString(CultureInfo.InvariantCulture)));
        if (wish.Acr is { } acr)
            query.Add(new("acr_values", acr));
        var address = authorization + (authorization.Contains('?', StringComparison.Ordinal) ? "&" : "?") + string.Join('&', query.Select(q => $"{q.Key}={Uri.EscapeDataString(q.Value)}"));

        run.Output.Note("Sign in with your browser at");
        run.Output.Note(address);
        if (wish.Browser)
            run.Host.OpenBrowser(address);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(Patience);
        System.Collections.Specialized.NameValueCollection answer;
        try
        {
            answer = await receiver.WaitAsync(state, patience.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return (null, run.Output.Failed($"nobody signed in within {Durations.Format(Patience)}"));
        }

        if (answer.GetValues("iss") is { } iss ? iss is not [{ } named] || named != provider.Issuer : namesItself)
            return (null, run.Output.Failed("the answer is not the provider's where the sign-in was begun"));
        if (answer["error"] is { } error)
            return (null, run.Output.Failed($"the provider did not sign you in: {error}"));
        if (answer["code"] is not { Length: > 0 } code)
            return (null, run.Output.Failed("the provider's answer has no code"));
        var (redeemed, failure) = await TokenEndpoint.RedeemAsync(
            run.Http,
            login,
            [new("grant_type", "authorization_code"), new("code", code), new("redirect_uri", receiver.Address), new("code_verifier", verifier)],
            run.Now,
            ct);
        return redeemed is null ? (null, run.Output.Failed(failure!)) : (redeemed, ExitCodes.Ok);
    }

    private async Task<(Provider? Provider, int ExitCode)> ProviderAsync(string? realm, CancellationToken ct)
    {
        var answer = await GetAsync(run.ControlAddress.AbsoluteUri.TrimEnd('/') + "/signin/providers", "control plane", ct);
        if (answer is not ApiAnswer.Ok ok)
            return (null, run.Output.Failed(answer));
        if (WireReader.Read<ProviderList>(ok.Body, out var unreadable) is not { } list)
            return (null, run.Output.Failed(unreadable));
        var usable = list.Items.Where(p => p.Cli is not null && IsSafe(p.Issuer)).ToList();
        if (usable.Count == 0)
            return (null, run.Output.Failed("nobody can log in to this control plane with jit: its settings name no CliClientId. Use a token (--token or JIT_TOKEN)"));
        var chosen = usable.Where(p => realm is null || p.Realm == realm).ToList();
        if (chosen.Count == 1)
            return (chosen[0], ExitCodes.Ok);
        return (null, run.Output.Failed($"say where to log in: --realm {string.Join(" or ", usable.Select(p => $"{p.Realm} ({p.Name})"))}", ExitCodes.Usage));
    }

    private async Task<ApiAnswer> GetAsync(string address, string server, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        return await HttpExchange.SendAsync(run.Http, request, server, ct);
    }

    private static bool IsSafe(string address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback)) && uri.UserInfo.Length == 0 && uri.Fragment.Length == 0;

    private static string Random() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    private sealed record ProviderList(IReadOnlyList<Provider> Items);

    private sealed record Provider(string Realm, string Name, string Issuer, CliClient? Cli);

    private sealed record CliClient(string ClientId, string Scopes, string? Resource, string Token);
}
