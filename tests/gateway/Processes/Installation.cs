using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace JitGrains.GatewayTests.Processes;

/// <summary>
/// One installation of the real gateway: its folder with policy and data, and its ports, which stay the same through
/// restarts, so that tokens and bound calls stay good. Every process that it started ends with it, and the folder goes.
/// </summary>
internal sealed class Installation : IAsyncDisposable
{
    private readonly List<GatewayProcess> started = [];

    private Installation(string folder)
    {
        Folder = folder;
        var ports = FreePorts(3);
        (Port, ControlPort, SamplePort) = (ports[0], ports[1], ports[2]);
    }

    public string Folder { get; }

    public string Data => Path.Combine(Folder, "data");

    public string PolicyFile => Path.Combine(Folder, "policy.yaml");

    public int Port { get; }

    public int ControlPort { get; }

    public int SamplePort { get; }

    public Uri Gateway => new($"http://127.0.0.1:{Port}");

    public Uri Control => new($"http://127.0.0.1:{ControlPort}");

    /// <summary>What the process finds in its environment, beside what it needs to run at all.</summary>
    public Dictionary<string, string> Environment { get; } = new(StringComparer.Ordinal);

    /// <summary>The command line of a quickstart with this installation's policy.</summary>
    public string[] Quickstart => ["--quickstart", "--policy", PolicyFile, .. Listening];

    /// <summary>Data and ports alone.</summary>
    public string[] Listening => ["--data", Data, "--port", $"{Port}", "--control-port", $"{ControlPort}", "--sample-port", $"{SamplePort}"];

    /// <summary>Makes one. The policy names its upstream <c>$UPSTREAM</c>.</summary>
    public static async Task<Installation> Create(string policy, Uri? upstream = null)
    {
        var installation = new Installation(Directory.CreateTempSubdirectory("jitgrains-process-").FullName);
        await installation.WritePolicy(policy, upstream);
        return installation;
    }

    public Task WritePolicy(string policy, Uri? upstream = null) => File.WriteAllTextAsync(
        PolicyFile, policy.Replace("$UPSTREAM", (upstream ?? new Uri("http://127.0.0.1:9")).GetLeftPart(UriPartial.Authority), StringComparison.Ordinal));

    /// <summary>Starts the quickstart and waits until it has said that it listens.</summary>
    public async Task<GatewayProcess> Start()
    {
        var process = Launch(Quickstart);
        await process.Ready;
        return process;
    }

    /// <summary>Starts a process that is meant to end by itself, and waits for its end.</summary>
    public async Task<GatewayProcess> RunToEnd(params string[] args)
    {
        var process = Launch(args);
        await process.Ended;
        return process;
    }

    /// <summary>Starts a process and waits for nothing.</summary>
    public GatewayProcess Launch(params string[] args)
    {
        var process = GatewayProcess.Start(Folder, Environment, args);
        started.Add(process);
        return process;
    }

    /// <summary>A token of the development issuer, fetched as anybody would.</summary>
    public async Task<string> Token(string name, string? agent = null)
    {
        var issuer = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(Data, "dev-issuer.json")))!;
        var form = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = name,
            ["client_secret"] = issuer["client_secret"]!.GetValue<string>(),
        };
        if (agent is not null)
            form["act"] = agent;
        using var client = new HttpClient();
        using var content = new FormUrlEncodedContent(form);
        using var response = await client.PostAsync(new Uri(issuer["token_endpoint"]!.GetValue<string>()), content);
        response.EnsureSuccessStatusCode();
        return JsonNode.Parse(await response.Content.ReadAsStringAsync())!["access_token"]!.GetValue<string>();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in started)
            await process.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }

    /// <summary>Ports below the range that outgoing connections take theirs from, so that nothing slips in between two runs.</summary>
    private static List<int> FreePorts(int count)
    {
        var ports = new List<int>();
        while (ports.Count < count)
        {
            var port = Random.Shared.Next(20_000, 32_000);
            using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                probe.Bind(new IPEndPoint(IPAddress.Loopback, port));
            }
            catch (SocketException)
            {
                continue;
            }

            if (!ports.Contains(port))
                ports.Add(port);
        }

        return ports;
    }
}
