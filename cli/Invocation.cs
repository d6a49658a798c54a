using System.CommandLine;
using JitGrains.Cli.Api;
using JitGrains.Identity;

namespace JitGrains.Cli;

/// <summary>One run of one command: where to print, whom to call, in whose name.</summary>
internal sealed class Invocation : IDisposable
{
    public const string DefaultGateway = "http://127.0.0.1:8080";
    public const string DefaultControl = "http://127.0.0.1:8081";

    private readonly Uri gateway;
    private readonly Uri control;

    private Invocation(CliHost host, Output output, string dataFolder, Uri gateway, Uri control, HttpClient http, Api.Identity identity)
    {
        Host = host;
        Output = output;
        DataFolder = dataFolder;
        Http = http;
        Identity = identity;
        this.gateway = gateway;
        this.control = control;
    }

    public CliHost Host { get; }

    public Output Output { get; }

    public string DataFolder { get; }

    public HttpClient Http { get; }

    public Api.Identity Identity { get; }

    public Uri ControlAddress => control;

    public Uri GatewayAddress => gateway;

    public DateTimeOffset Now => Host.Time.GetUtcNow();

    /// <summary>The gateway's caller endpoints.</summary>
    public ApiClient Gateway => new(Http, gateway, "gateway", Identity);

    /// <summary>The control plane.</summary>
    public ApiClient Control => ControlAs(Identity);

    public ApiClient ControlAs(Api.Identity identity) => new(Http, control, "control plane", identity);

    /// <summary>Reads the global options and the environment; null with the problem where they make no sense.</summary>
    public static Invocation? Begin(ParseResult parsed, Globals globals, CliHost host, bool asIsSubject, out string problem)
    {
        string Choose(Option<string?> option, string variable, string otherwise) =>
            parsed.GetValue(option) ?? (host.Environment(variable) is { Length: > 0 } value ? value : otherwise);

        var token = parsed.GetValue(globals.Token);
        var name = asIsSubject ? null : parsed.GetValue(globals.As);
        if (token is not null && name is not null)
        {
            problem = "--token and --as both say who you are: give one";
            return null;
        }

        if (!ServerAddress.TryParse(Choose(globals.Gateway, "JIT_GATEWAY", DefaultGateway), out var gateway, out problem)
            || !ServerAddress.TryParse(Choose(globals.Control, "JIT_CONTROL", DefaultControl), out var control, out problem))
        {
            return null;
        }

        var dataFolder = host.FullPath(Choose(globals.Data, "JITGRAINS__DATA", "data"));
        var http = HttpExchange.CreateClient(host.HttpTimeout);
        return new Invocation(
            host,
            new Output(host, parsed.GetValue(globals.Json)),
            dataFolder,
            gateway,
            control,
            http,
            new Api.Identity(http, dataFolder, token, name, host));
    }

    /// <summary>
    /// The realm of principals typed without one. Beside the quickstart's data folder <c>alice</c> and <c>user:alice</c> mean
    /// <c>dev:user:alice</c>; elsewhere only the whole form names one principal, and guessing a realm would address another.
    /// </summary>
    public string? DefaultRealm => DevIssuer.IsIn(DataFolder) ? DevIssuer.Realm : null;

    /// <summary>A principal as typed, by <see cref="DefaultRealm"/>.</summary>
    public bool TryParsePrincipal(string text, out PrincipalId principal, out string problem) =>
        Syntax.TryParsePrincipal(text, DefaultRealm, out principal, out problem);

    public void Dispose() => Http.Dispose();
}
