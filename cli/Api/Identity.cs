using JitGrains.Cli.Login;

namespace JitGrains.Cli.Api;

/// <summary>
/// Who calls, by the first of: <c>--token</c> or <c>--as</c>, <c>JIT_TOKEN</c>, <c>JIT_AS</c>, and what <c>jit login</c> kept
/// for the server. A name stands for a token of the quickstart's development issuer, fetched when first needed.
/// </summary>
internal sealed class Identity
{
    private readonly HttpClient http;
    private readonly string dataFolder;
    private readonly string? name;
    private readonly CliHost host;
    private readonly LoginStore logins;
    private Result? result;
    private StoredLogin? login;

    public Identity(HttpClient http, string dataFolder, string? tokenOption, string? asOption, CliHost host)
    {
        this.http = http;
        this.dataFolder = dataFolder;
        this.host = host;
        logins = new LoginStore(host);
        var environment = host.Environment;
        var token = tokenOption;
        name = asOption;
        if (token is null && name is null)
        {
            token = NonEmpty(environment("JIT_TOKEN"));
            name = token is null ? NonEmpty(environment("JIT_AS")) : null;
        }

        if (token is not null)
            result = CanBeToken(token.Trim()) ? new Result(token.Trim(), null) : NotIdentified("the token is not a JWT (three parts of base64url, joined by dots)");
    }

    /// <summary>Whether anything says who calls.</summary>
    public bool IsGiven => result is not null || name is not null;

    /// <summary>The same surroundings, in another principal's name.</summary>
    public Identity WithName(string other) => new(http, dataFolder, null, other, host);

    /// <summary>The same surroundings, with this token.</summary>
    public Identity WithToken(string token) => new(http, dataFolder, token, null, host);

    /// <summary>A compact JWT: three parts of base64url. Checked so that nothing else ends up in a header or on a terminal.</summary>
    public static bool CanBeToken(string text) =>
        text.Length <= 16 * 1024 && text.Count(c => c == '.') == 2 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    /// <summary>The token that goes to a server.</summary>
    public async Task<Result> TokenForAsync(Uri server, CancellationToken ct)
    {
        if (IsGiven)
            return result ??= await FetchAsync(ct);
        var problem = "";
        login ??= logins.Read(out problem).FirstOrDefault(l => l.IsFor(server));
        if (login is null || !login.IsFor(server))
            return problem.Length > 0 ? NotIdentified(problem) : await FetchAsync(ct);
        if (TokenEndpoint.IsGood(login, host.Time.GetUtcNow()))
            return new Result(login.Token, null);
        if (login.RefreshToken is null)
            return NotIdentified("the login is over: `jit login` again");
        var (fresh, failure) = await TokenEndpoint.RefreshAsync(http, logins, login, host.Time.GetUtcNow(), ct);
        login = fresh ?? login;
        if (fresh is not null)
            return new Result(fresh.Token, null);
        return failure is ApiAnswer.Refused ? NotIdentified("the provider gives no new token for this login: `jit login` again") : new Result(null, failure);
    }

    /// <summary>A newer token of the login in use, or null where there is none to be had.</summary>
    public async Task<string?> RenewAsync(Uri server, CancellationToken ct)
    {
        if (IsGiven || login is not { RefreshToken: not null } known || !known.IsFor(server))
            return null;
        login = (await TokenEndpoint.RefreshAsync(http, logins, known, host.Time.GetUtcNow(), ct)).Login ?? known;
        return ReferenceEquals(login, known) ? null : login.Token;
    }

    private async Task<Result> FetchAsync(CancellationToken ct)
    {
        if (name is null)
        {
            return NotIdentified(DevIssuer.IsIn(dataFolder)
                ? "say who you are: --as bob (or JIT_AS=bob) takes a token of the quickstart's development issuer; otherwise `jit login`, --token or JIT_TOKEN"
                : $"say who you are: `jit login`, or give a token with --token or JIT_TOKEN (--as NAME works only with the quickstart, and there is no {DevIssuer.PathIn(dataFolder)})");
        }

        var issuer = DevIssuer.Load(dataFolder, out var problem);
        if (issuer is null)
            return NotIdentified(problem);
        var answer = await issuer.RequestTokenAsync(http, name, [], ct);
        if (answer is not ApiAnswer.Ok ok)
            return new Result(null, answer);
        return DevIssuer.TokenIn(ok.Body) is { } token
            ? new Result(token, null)
            : new Result(null, new ApiAnswer.Unreadable("the development issuer answered without a token"));
    }

    private static Result NotIdentified(string because) => new(null, new ApiAnswer.NotIdentified(because));

    private static string? NonEmpty(string? text) => string.IsNullOrWhiteSpace(text) ? null : text;

    /// <summary>A token, or why there is none.</summary>
    internal sealed record Result(string? Token, ApiAnswer? Failure)
    {
        public override string ToString() => Failure is null ? "token (hidden)" : Failure.ToString();
    }
}
