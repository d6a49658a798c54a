using JitGrains.Silo.Identity;

namespace JitGrains.Silo.SignIn;

/// <summary>How people sign in with a browser, and how long that lasts. Section <c>SignIn</c>; docs/operations.md lists all settings.</summary>
public sealed record SignInOptions
{
    /// <summary>Longest lifetime of a session.</summary>
    public static readonly TimeSpan MostLifetime = TimeSpan.FromDays(7);

    /// <summary>Where people sign in: one for each issuer that they may use.</summary>
    public IList<SignInProvider> Providers { get; init; } = [];

    /// <summary>How long a session may be unused. Default 30 min.</summary>
    public TimeSpan Idle { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>How long a session lives at most, used or not. Default 8 h; at most 7 days.</summary>
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromHours(8);

    internal IEnumerable<string> Problems(IReadOnlyCollection<IssuerOptions> issuers, Uri? publicUrl)
    {
        if (Idle < TimeSpan.FromMinutes(1) || Idle > Lifetime)
            yield return "SignIn:Idle is at least a minute and at most SignIn:Lifetime.";
        if (Lifetime > MostLifetime)
            yield return "SignIn:Lifetime is at most 7 days.";
        if (Providers.Count > 0 && (publicUrl is null || !IssuerOptions.IsAcceptableAddress(publicUrl.AbsoluteUri)))
            yield return "SignIn: PublicUrl is needed, https (http on loopback only): providers send people back there.";
        else if (Providers.Count > 0 && publicUrl!.AbsolutePath != "/")
            yield return "SignIn: PublicUrl has no path: the pages and their cookies are at the host's root.";
        foreach (var problem in Providers.SelectMany((p, i) => p.Problems($"SignIn:Providers:{i}", issuers)))
            yield return problem;
        foreach (var twice in Providers.GroupBy(p => p.Realm, StringComparer.Ordinal).Where(g => g.Count() > 1))
            yield return $"SignIn:Providers: the realm '{twice.Key}' is there more than once.";
    }
}

/// <summary>An issuer as a place to sign in at: OpenID Connect, authorization code with PKCE.</summary>
public sealed record SignInProvider
{
    /// <summary>The realm of one of the <c>Issuers</c>.</summary>
    public string Realm { get; init; } = "";

    /// <summary>What people are shown where there are several. Default: the realm.</summary>
    public string? Name { get; init; }

    /// <summary>The client id under which the control plane is registered there; empty where only <c>jit login</c> is.</summary>
    public string ClientId { get; init; } = "";

    /// <summary>A file with the client's secret. Default: none, a public client.</summary>
    public string? ClientSecretFile { get; init; }

    /// <summary>Or the name of an environment variable that holds it.</summary>
    public string? ClientSecretVariable { get; init; }

    /// <summary>What is asked for, in one text with spaces. Default: <c>openid</c>.</summary>
    public string Scopes { get; init; } = "openid";

    /// <summary>
    /// Whether <c>/signedout</c> at the public address is registered there as a <c>post_logout_redirect_uri</c>: whoever signs out there is then
    /// sent back. Default: no.
    /// </summary>
    public bool SignedOutRedirect { get; init; }

    /// <summary>The client id of <c>jit login</c>: a public client with loopback redirects (RFC 8252). Default: none, and no <c>jit login</c>.</summary>
    public string? CliClientId { get; init; }

    /// <summary>What <c>jit login</c> asks for. Default: <c>openid offline_access</c>.</summary>
    public string CliScopes { get; init; } = "openid offline_access";

    /// <summary>The resource that <c>jit login</c> names (RFC 8707), where the provider wants one for tokens of this audience.</summary>
    public string? CliResource { get; init; }

    /// <summary>Which token <c>jit</c> then calls with: <c>access_token</c> (default) or <c>id_token</c>, where access tokens are no JWTs.</summary>
    public string CliToken { get; init; } = "access_token";

    internal string ShownName => Name ?? Realm;

    internal bool HasBrowser => ClientId.Length > 0;

    internal IEnumerable<string> Problems(string at, IReadOnlyCollection<IssuerOptions> issuers)
    {
        if (!issuers.Any(i => i.Realm == Realm))
            yield return $"{at}:Realm is that of one of the Issuers.";
        if (ClientId.Length == 0 && CliClientId is null)
            yield return $"{at}: name a ClientId, a CliClientId, or both.";
        if (ClientSecretFile is not null && ClientSecretVariable is not null)
            yield return $"{at}: name ClientSecretFile or ClientSecretVariable, not both.";
        if (!Scopes.Split(' ').Contains("openid", StringComparer.Ordinal))
            yield return $"{at}:Scopes has openid among them.";
        if (CliToken is not ("access_token" or "id_token"))
            yield return $"{at}:CliToken is access_token or id_token.";
        if (Name is { } name && !JitGrains.Identity.SafeText.IsSafeSentence(name))
            yield return $"{at}:Name holds characters that cannot be shown.";
    }

    /// <summary>The client's secret; empty where it is a public client.</summary>
    /// <exception cref="StartupException">It is named and not there.</exception>
    internal SecretText ReadSecret()
    {
        if (ClientSecretFile is null && ClientSecretVariable is null)
            return default;
        string? text;
        try
        {
            text = ClientSecretFile is not null ? File.ReadAllText(ClientSecretFile) : Environment.GetEnvironmentVariable(ClientSecretVariable!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"SignIn: the ClientSecretFile of {Realm} cannot be read: {e.Message}", e);
        }

        return string.IsNullOrWhiteSpace(text) ? throw new StartupException($"SignIn: the client secret of {Realm} is empty.") : new SecretText(text.Trim());
    }
}
