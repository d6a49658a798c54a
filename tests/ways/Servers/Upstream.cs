using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace JitGrains.WaysTests.Servers;

/// <summary>A real server with its own idea of requests, which tells what it took each for.</summary>
internal abstract class Upstream : IAsyncDisposable
{
    public abstract string Name { get; }

    public abstract Uri Address { get; }

    /// <summary>What it received and has not told yet, in order.</summary>
    public abstract IReadOnlyList<Seen> Take();

    public abstract ValueTask DisposeAsync();
}

/// <summary>One that runs as a process of its own and writes a line for each request.</summary>
internal sealed class ProcessUpstream : Upstream
{
    private readonly Process process;
    private readonly string folder;
    private readonly StreamReader log;
    private string rest = "";

    private ProcessUpstream(string name, Process process, string folder, Uri address)
    {
        (Name, this.process, this.folder, Address) = (name, process, folder, address);
        log = new StreamReader(new FileStream(Path.Combine(folder, "seen.log"), FileMode.OpenOrCreate, FileAccess.Read, FileShare.ReadWrite));
    }

    public override string Name { get; }

    public override Uri Address { get; }

    public static Task<ProcessUpstream> Node() => Script("node", "node", "node.cjs");

    public static Task<ProcessUpstream> Python() => Script("python", "python3", "server.py");

    /// <summary>nginx has to be told its port.</summary>
    public static async Task<ProcessUpstream> Nginx()
    {
        var place = Directory.CreateTempSubdirectory("jitgrains-ways-").FullName;
        var port = FreePort();
        var settings = (await File.ReadAllTextAsync(At("nginx.conf"))).Replace("FOLDER", place, StringComparison.Ordinal).Replace("PORT", $"{port}", StringComparison.Ordinal);
        await File.WriteAllTextAsync(Path.Combine(place, "nginx.conf"), settings);
        var server = Process.Start(new ProcessStartInfo("nginx", ["-p", place, "-c", Path.Combine(place, "nginx.conf")]) { RedirectStandardError = true, UseShellExecute = false })!;
        await Listens(port, server);
        return new ProcessUpstream("nginx", server, place, new Uri($"http://127.0.0.1:{port}"));
    }

    public override IReadOnlyList<Seen> Take()
    {
        rest += log.ReadToEnd();
        var end = rest.LastIndexOf('\n') + 1;
        var lines = rest[..end];
        rest = rest[end..];
        return [.. lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Seen.Parse)];
    }

    public override async ValueTask DisposeAsync()
    {
        log.Dispose();
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private static async Task<ProcessUpstream> Script(string name, string program, string script)
    {
        var place = Directory.CreateTempSubdirectory("jitgrains-ways-").FullName;
        // Its standard input ends with this process, and it with that.
        var server = Process.Start(new ProcessStartInfo(program, [At(script), Path.Combine(place, "seen.log")]) { RedirectStandardOutput = true, RedirectStandardInput = true, UseShellExecute = false })!;
        var port = await server.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException($"{program} did not start.");
        return new ProcessUpstream(name, server, place, new Uri($"http://127.0.0.1:{int.Parse(port, CultureInfo.InvariantCulture)}"));
    }

    private static string At(string file) => Path.Combine(AppContext.BaseDirectory, "Servers", file);

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static async Task Listens(int port, Process server)
    {
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (!server.HasExited)
        {
            try
            {
                using var probe = new TcpClient();
                await probe.ConnectAsync(IPAddress.Loopback, port, limit.Token);
                return;
            }
            catch (SocketException)
            {
                await pause.WaitForNextTickAsync(limit.Token);
            }
        }

        throw new InvalidOperationException($"nginx did not start: {await server.StandardError.ReadToEndAsync()}");
    }
}
