using System.Text.Json;
using JitGrains.Json;

namespace JitGrains.Cli.Api;

/// <summary>
/// The quickstart's development issuer, as <c>dev-issuer.json</c> in its data folder tells of it. It gives a token to
/// whoever can read that file, in any of its principals' names.
/// </summary>
internal sealed class DevIssuer
{
    private const string FileName = "dev-issuer.json";
    private const int LargestFile = 64 * 1024;
    private const string HowToStart = "start the quickstart with `dotnet run --project gateway`, or name its data folder with --data";

    private readonly Uri tokenEndpoint;
    private readonly string clientSecret;

    private DevIssuer(Uri tokenEndpoint, string clientSecret)
    {
        this.tokenEndpoint = tokenEndpoint;
        this.clientSecret = clientSecret;
    }

    /// <summary>The realm of its principals.</summary>
    public const string Realm = "dev";

    public static string PathIn(string dataFolder) => Path.Combine(dataFolder, FileName);

    public static bool IsIn(string dataFolder) => File.Exists(PathIn(dataFolder));

    /// <summary>Reads the file; null with the problem where that is not possible.</summary>
    public static DevIssuer? Load(string dataFolder, out string problem)
    {
        var path = PathIn(dataFolder);
        var bytes = InputFiles.Read(path, LargestFile, out problem);
        if (bytes is null)
        {
            problem = $"no development issuer: {problem}; {HowToStart}";
            return null;
        }

        Document? document = null;
        try
        {
            document = JsonSerializer.Deserialize<Document>(bytes, JitJson.Options);
        }
        catch (JsonException)
        {
            // Told below: what is in the file is a secret, so its text is not quoted.
        }

        if (document is not { TokenEndpoint: { } endpoint, ClientSecret: { Length: > 0 } secret }
            || !Uri.TryCreate(endpoint, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
        {
            problem = $"{path} is not a development issuer's file (it holds issuer, token_endpoint and client_secret); {HowToStart}";
            return null;
        }

        if (!uri.IsLoopback)
        {
            problem = $"{path} names a token endpoint that is not on this machine; a development issuer never is elsewhere";
            return null;
        }

        problem = "";
        return new DevIssuer(uri, secret);
    }

    /// <summary>
    /// Asks for a token in a principal's name, through these actors, nearest to the call first (OAuth 2.0 client
    /// credentials, RFC 6749, section 4.4).
    /// </summary>
    public async Task<ApiAnswer> RequestTokenAsync(HttpClient http, string name, IEnumerable<string> actors, CancellationToken ct)
    {
        IEnumerable<KeyValuePair<string, string>> form =
        [
            new("grant_type", "client_credentials"),
            new("client_id", name),
            new("client_secret", clientSecret),
            .. actors.Select(a => new KeyValuePair<string, string>("act", a)),
        ];
        using var request = new HttpRequestMessage(HttpMethod.Post, tokenEndpoint) { Content = new FormUrlEncodedContent(form) };
        return await HttpExchange.SendAsync(http, request, "development issuer", ct);
    }

    /// <summary>The token in an answer, or null where there is none that a header could carry.</summary>
    public static string? TokenIn(JsonElement body)
    {
        var token = body.ValueKind == JsonValueKind.Object && body.TryGetProperty("access_token", out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;
        return token is not null && Identity.CanBeToken(token) ? token : null;
    }

    private sealed record Document
    {
        public string? TokenEndpoint { get; init; }

        public string? ClientSecret { get; init; }
    }
}
