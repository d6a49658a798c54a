using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using JitGrains.ClusterTests.Wire;
using JitGrains.TestSupport;

namespace JitGrains.ClusterTests.Running;

/// <summary>
/// One process of the cluster under its own name, with ports and folder that stay through its lives. Killed by its own id
/// when disposed. Starting and stopping it is for one at a time.
/// </summary>
internal sealed class ClusterProcess : IAsyncDisposable
{
    private const string Failed = "A request to the control plane failed";

    private readonly Lock gate = new();
    private readonly Queue<string> lines = new();
    private readonly List<string> failures = [];
    private Process? process;

    /// <param name="name">Its name in what is printed: <c>gateway-1</c>.</param>
    /// <param name="folder">The folder of the run.</param>
    public ClusterProcess(string name, string folder)
    {
        Name = name;
        Folder = Path.Combine(folder, name);
        Directory.CreateDirectory(Folder);
        var ports = FreePorts(4);
        (SiloPort, ClientPort) = (ports[2], ports[3]);
        (Gateway, Control) = (new Uri($"http://127.0.0.1:{ports[0]}"), new Uri($"http://127.0.0.1:{ports[1]}"));
    }

    public string Name { get; }

    public string Folder { get; }

    /// <summary>Where callers are answered, in a gateway.</summary>
    public Uri Gateway { get; }

    /// <summary>Where approvers are answered, in a silo.</summary>
    public Uri Control { get; }

    /// <summary>Where an Orleans silo answers other silos.</summary>
    public int SiloPort { get; }

    /// <summary>Where an Orleans silo answers its clients.</summary>
    public int ClientPort { get; }

    /// <summary>Whether it is a silo, and no gateway.</summary>
    public bool IsSilo { get; init; }

    /// <summary>What it finds in its environment, beside what it needs to run at all.</summary>
    public Dictionary<string, string> Environment { get; } = new(StringComparer.Ordinal);

    /// <summary>Its process id.</summary>
    public int Id => process!.Id;

    public bool IsRunning => process is { HasExited: false };

    /// <summary>Its last lines of output, both kinds, of all its lives.</summary>
    public string Output
    {
        get
        {
            lock (gate)
                return string.Join('\n', lines);
        }
    }

    /// <summary>Requests that it answered 500, as its log has them.</summary>
    public IReadOnlyList<string> Failures
    {
        get
        {
            lock (gate)
                return [.. failures];
        }
    }

    /// <summary>Gives it a setting, for its next life.</summary>
    public void Set(string name, string value) => Environment["JITGRAINS__" + name.ToUpperInvariant()] = value;

    public void Launch()
    {
        var start = GatewayProgram.Start(GatewayProgram.Path);
        start.WorkingDirectory = Folder;
        start.RedirectStandardOutput = start.RedirectStandardError = true;
        // Whatever the tests were started with is not this process' configuration.
        foreach (var name in start.Environment.Keys.Where(IsConfiguration).ToList())
            start.Environment.Remove(name);
        // As docs/operations.md has it for such a machine ("A cluster").
        foreach (var (name, value) in Environment.Prepend(GatewayProgram.SleepAtOnce))
            start.Environment[name] = value;
        process = Process.Start(start)!;
        process.OutputDataReceived += (_, e) => Take(e.Data);
        process.ErrorDataReceived += (_, e) => Take(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Starts it and waits until it is ready.</summary>
    public async Task Start()
    {
        Launch();
        await UntilReady();
    }

    public async Task UntilReady(TimeSpan? patience = null)
    {
        using var client = new Client();
        await Until.Holds(
            async () =>
            {
                if (!IsRunning)
                    throw new InvalidOperationException($"{Name} ended with {process!.ExitCode}:\n{Output}");
                return (await client.Send("GET", IsSilo ? new Uri(Control, "/readyz") : new Uri(Gateway, "/.jit/readyz"), token: null, within: TimeSpan.FromSeconds(2))).Status == 200;
            },
            $"{Name} is ready",
            patience);
    }

    /// <summary>SIGKILL: no handler runs, nothing is flushed. Returns when it is gone.</summary>
    public async Task Kill()
    {
        process!.Kill();
        await process.WaitForExitAsync();
    }

    /// <summary>Returns when nothing of it runs any more.</summary>
    public async Task Suspend()
    {
        Signals.Suspend(Id);
        await Until.Holds(() => IsSuspended, $"{Name} is suspended");
    }

    /// <summary>Lets it go on. Throws where somebody else has: what was to be seen of a suspended process was not.</summary>
    public void Resume()
    {
        var was = IsSuspended;
        Signals.Resume(Id);
        // The kernel does so to the stopped members of a job whose shell ends, with a hangup that nohup has them ignore.
        if (!was)
            throw new InvalidOperationException($"{Name} was suspended, and continued by somebody else: were these tests started by a shell that has ended since?");
    }

    private bool IsSuspended => File.ReadAllText($"/proc/{Id}/stat").Split(") ")[^1].StartsWith('T');

    public async ValueTask DisposeAsync()
    {
        if (IsRunning)
            await Kill();
        process?.Dispose();
    }

    private static bool IsConfiguration(string name) =>
        name.StartsWith("ASPNETCORE_", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("JITGRAINS_", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("OTEL_", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("Logging__", StringComparison.OrdinalIgnoreCase)
        || name.Equals("DOTNET_ENVIRONMENT", StringComparison.OrdinalIgnoreCase);

    private void Take(string? line)
    {
        if (line is null)
            return;
        lock (gate)
        {
            lines.Enqueue($"{Clock.Now:HH:mm:ss.fff} {line}");
            if (line.Contains(Failed, StringComparison.Ordinal))
                failures.Add(line);
            if (lines.Count > 2000)
                lines.Dequeue();
        }
    }

    /// <summary>Ports below the range that outgoing connections take theirs from, so that nothing slips in between two lives.</summary>
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
                if (!ports.Contains(port))
                    ports.Add(port);
            }
            catch (SocketException)
            {
                // Somebody else's.
            }
        }

        return ports;
    }
}
