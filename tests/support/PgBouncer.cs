using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace JitGrains.TestSupport;

/// <summary>A pgbouncer of the tests' own that gives out a server's connections by the transaction. Stopped by its own id.</summary>
public sealed class PgBouncer : IAsyncDisposable
{
    private const string ProgramPath = "/usr/sbin/pgbouncer";

    private readonly Process process;
    private readonly string folder;

    private PgBouncer(Process process, string folder, string database)
    {
        this.process = process;
        this.folder = folder;
        Database = database;
    }

    /// <summary>Whether it is there to be used.</summary>
    public static bool IsInstalled => File.Exists(ProgramPath);

    /// <summary>How its database is reached through it.</summary>
    public string Database { get; }

    /// <summary>Starts in front of a database, with this many connections to it.</summary>
    public static async Task<PgBouncer> StartAsync(string database, int connections)
    {
        var direct = new NpgsqlConnectionStringBuilder(database);
        var port = FreePort();
        var home = Directory.CreateTempSubdirectory("jitgrains-bouncer-").FullName;
        await File.WriteAllTextAsync(Path.Combine(home, "users"), $"\"{direct.Username}\" \"{direct.Password}\"\n");
        await File.WriteAllTextAsync(
            Path.Combine(home, "settings"),
            $"""
            [databases]
            * = host={direct.Host} port={direct.Port}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = scram-sha-256
            auth_file = {home}/users
            pool_mode = transaction
            default_pool_size = {connections}
            """);
        string[] command = [ProgramPath, "-q", Path.Combine(home, "settings")];
        if (Environment.IsPrivilegedProcess)
        {
            using var owner = Process.Start("chown", ["-R", "postgres:postgres", home]);
            await owner.WaitForExitAsync();
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--", .. command];
        }

        var running = Process.Start(new ProcessStartInfo(command[0], command[1..]) { UseShellExecute = false })!;
        direct.Port = port;
        var bouncer = new PgBouncer(running, home, direct.ToString());
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (true)
        {
            try
            {
                using var socket = new TcpClient();
                await socket.ConnectAsync(IPAddress.Loopback, port);
                return bouncer;
            }
            catch (SocketException) when (!running.HasExited)
            {
                await pause.WaitForNextTickAsync();
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
