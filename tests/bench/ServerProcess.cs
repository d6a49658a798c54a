using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using JitGrains.TestSupport;

namespace JitGrains.Bench;

/// <summary>A server process of the bench's, stopped by its own id when disposed.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private readonly Process running;

    private ServerProcess(Process running, int port)
    {
        this.running = running;
        Port = port;
    }

    public int Port { get; }

    public string Url => $"http://127.0.0.1:{Port}";

    public int Id => running.Id;

    /// <summary>Resident memory now, in bytes.</summary>
    public long ResidentBytes()
    {
        running.Refresh();
        return running.WorkingSet64;
    }

    /// <summary>Processor time used so far, in its own code and in the kernel's.</summary>
    public (TimeSpan User, TimeSpan System) ProcessorTime()
    {
        running.Refresh();
        return (running.UserProcessorTime, running.PrivilegedProcessorTime);
    }

    /// <summary>Open files and sockets.</summary>
    public int OpenFiles() => Directory.GetFileSystemEntries($"/proc/{running.Id}/fd").Length;

    /// <summary>Ends it as a service manager does, and waits until it is gone.</summary>
    public async Task TerminateAsync()
    {
        using var kill = Process.Start("kill", ["-TERM", $"{running.Id}"]);
        await running.WaitForExitAsync();
    }

    /// <summary>Starts the bench itself in another part.</summary>
    public static Task<ServerProcess> StartSelfAsync(string part, params string[] rest) => StartSelfAsync(part, FreePort(), rest);

    /// <summary>The same, on a port that is known.</summary>
    public static Task<ServerProcess> StartSelfAsync(string part, int port, params string[] rest) => StartSelfAsync(part, port, rest, environment: null);

    /// <summary>
    /// The same, with threads that sleep at once: one that only stands in for others, beside what is measured, must not take their processors.
    /// </summary>
    public static Task<ServerProcess> StartQuietSelfAsync(string part) =>
        StartSelfAsync(part, FreePort(), [], new Dictionary<string, string>([GatewayProgram.SleepAtOnce], StringComparer.Ordinal));

    private static Task<ServerProcess> StartSelfAsync(string part, int port, string[] rest, IReadOnlyDictionary<string, string>? environment) =>
        StartAsync(Path.Combine(AppContext.BaseDirectory, "JitGrains.Bench.dll"), [part, $"{port}", .. rest], port, environment);

    /// <summary>Starts a program and waits until its port answers.</summary>
    public static async Task<ServerProcess> StartAsync(string program, string[] arguments, int port, IReadOnlyDictionary<string, string>? environment = null, TimeSpan? look = null)
    {
        var start = GatewayProgram.Start(program);
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        start.Environment["DOTNET_TieredPGO"] = "1";
        foreach (var (name, value) in environment ?? new Dictionary<string, string>(StringComparer.Ordinal))
            start.Environment[name] = value;
        return await StartAsync(start, port, look);
    }

    /// <summary>Starts a program as it is described and waits until its port answers.</summary>
    /// <param name="start">The program.</param>
    /// <param name="port">Its port.</param>
    /// <param name="look">From one look to the next; 50 ms where it is not given.</param>
    public static async Task<ServerProcess> StartAsync(ProcessStartInfo start, int port, TimeSpan? look = null)
    {
        start.RedirectStandardOutput = start.RedirectStandardError = true;
        var process = Process.Start(start)!;
        process.OutputDataReceived += static (_, _) => { };
        process.ErrorDataReceived += static (_, line) =>
        {
            if (line.Data is not null)
                Console.Error.WriteLine(line.Data);
        };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var server = new ServerProcess(process, port);
        using var ticks = new PeriodicTimer(look ?? TimeSpan.FromMilliseconds(50));
        for (var i = 0; i < (look is null ? 600 : 10_000); i++)
        {
            if (process.HasExited)
                throw new InvalidOperationException($"{start.FileName} {string.Join(' ', start.ArgumentList)} ended with {process.ExitCode}");
            try
            {
                using var socket = new TcpClient();
                await socket.ConnectAsync(IPAddress.Loopback, port);
                return server;
            }
            catch (SocketException)
            {
                await ticks.WaitForNextTickAsync();
            }
        }

        await server.DisposeAsync();
        throw new InvalidOperationException($"{start.FileName} {string.Join(' ', start.ArgumentList)} does not answer on port {port}");
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public async ValueTask DisposeAsync()
    {
        if (!running.HasExited)
            running.Kill(entireProcessTree: true);
        await running.WaitForExitAsync();
        running.Dispose();
    }
}
