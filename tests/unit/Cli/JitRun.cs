using JitGrains.Cli;
using JitGrains.TestSupport;

namespace JitGrains.UnitTests.Cli;

/// <summary>Runs <c>jit</c> in this process, in a folder of its own.</summary>
public sealed class JitRun : IDisposable
{
    /// <summary>The shape of a JWT; nobody verifies it here.</summary>
    public const string Token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJib2IifQ.c2lnbmF0dXJl";

    public JitRun() => Folder = Directory.CreateTempSubdirectory("jit-cli-").FullName;

    public string Folder { get; }

    public Dictionary<string, string> Environment { get; } = new(StringComparer.Ordinal);

    public bool Terminal { get; set; }

    /// <summary>The browser.</summary>
    public Action<string> OpenBrowser { get; set; } = static _ => { };

    public TimeSpan HttpTimeout { get; set; } = TimeSpan.FromMinutes(1);

    public string Input { get; set; } = "";

    public ManualTime Time { get; } = new();

    public string Out { get; private set; } = "";

    public string Error { get; private set; } = "";

    public string[] OutLines => Out.TrimEnd('\n').Split('\n');

    /// <summary>Both servers are this one, and a token is at hand.</summary>
    public JitRun Against(WireServer server)
    {
        Environment["JIT_GATEWAY"] = server.Address;
        Environment["JIT_CONTROL"] = server.Address;
        Environment["JIT_TOKEN"] = Token;
        return this;
    }

    /// <summary>A quickstart's data folder beside it, whose issuer is this server.</summary>
    public JitRun WithDevIssuer(string tokenEndpoint)
    {
        var data = Directory.CreateDirectory(Path.Combine(Folder, "data"));
        File.WriteAllText(
            Path.Combine(data.FullName, "dev-issuer.json"),
            System.Text.Json.JsonSerializer.Serialize(new { issuer = "http://127.0.0.1/dev-issuer/x", token_endpoint = tokenEndpoint, client_secret = "s3cret-value" }));
        return this;
    }

    public string Write(string name, string text)
    {
        var path = Path.Combine(Folder, name);
        File.WriteAllText(path, text);
        return path;
    }

    public async Task<int> Run(params string[] args)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var host = new CliHost
        {
            In = new StringReader(Input),
            Out = output,
            Error = error,
            InputIsTerminal = Terminal,
            OutputIsTerminal = Terminal,
            Width = 200,
            Environment = name => Environment.GetValueOrDefault(name),
            WorkingDirectory = Folder,
            Time = Time,
            OpenBrowser = OpenBrowser,
            HttpTimeout = HttpTimeout,
        };
        var code = await JitCommand.RunAsync(args, host);
        Out = output.ToString();
        Error = error.ToString();
        return code;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
