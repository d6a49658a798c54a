using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace JitGrains.TestSupport;

/// <summary>
/// A PostgreSQL server of the tests' own: Debian's program on a free port of 127.0.0.1, in a folder of its own that goes
/// with it. It stops when the test process ends, however that ends. Thread-safe, except for stopping and starting it.
/// </summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private const string Admin = "postgres";

    // The shell stops the server when it is told to, or when the tests are gone: then it also cleans up.
    private const string Keeper =
        """
        folder=$1; shift
        "$@" </dev/null >>"$folder/log" 2>&1 & server=$!
        if read -r signal; then kill -"$signal" $server; wait $server
        else kill -CONT $server $(cat /proc/$server/task/$server/children) 2>/dev/null; kill -INT $server; wait $server; rm -rf "$folder"; fi
        """;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private static readonly Lazy<Task<PostgresServer>> SharedServer = new(() => StartAsync(durable: false));

    private readonly string password = Guid.NewGuid().ToString("N");
    private readonly bool durable;
    private Process? keeper;
    private int databases;

    private PostgresServer(string folder, bool durable, int port) => (Folder, this.durable, Port) = (folder, durable, port);

    /// <summary>The folder that holds everything of this server's: <see cref="DataFolder"/>, its socket, its log.</summary>
    public string Folder { get; }

    /// <summary>PostgreSQL's data folder.</summary>
    public string DataFolder => Path.Combine(Folder, "data");

    /// <summary>The port on 127.0.0.1; the same after a restart.</summary>
    public int Port { get; }

    /// <summary>The postmaster's process id, while it runs.</summary>
    public int ProcessId => int.Parse(File.ReadLines(Path.Combine(DataFolder, "postmaster.pid")).First());

    /// <summary>The server that all tests of the run share, started with its first use; not durable, for speed. Leave it running.</summary>
    public static Task<PostgresServer> SharedAsync() => SharedServer.Value;

    /// <summary>Makes and starts a server of one's own: for tests that stop it, or set it back.</summary>
    /// <param name="durable">Whether a commit waits for the disk, as in production.</param>
    public static async Task<PostgresServer> StartAsync(bool durable = true)
    {
        var folder = Directory.CreateTempSubdirectory("jitgrains-pg-").FullName;
        var server = new PostgresServer(folder, durable, FreePort());
        try
        {
            await server.InitialiseAsync();
            await server.StartAgainAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>A new, empty database; returns how its owner connects, who may create roles and is no superuser.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = $"test_{Interlocked.Increment(ref databases)}";
        await ExecuteAsync(
            $"CREATE ROLE {name}_owner LOGIN CREATEROLE PASSWORD '{password}'",
            $"CREATE DATABASE {name} OWNER {name}_owner",
            $"REVOKE ALL ON DATABASE {name} FROM PUBLIC");
        return ConnectionString(name, $"{name}_owner");
    }

    /// <summary>A login to a database of this server, a member of these roles and nothing more; returns how it connects.</summary>
    public async Task<string> CreateLoginAsync(string database, params string[] memberOf)
    {
        var name = new NpgsqlConnectionStringBuilder(database).Database!;
        var login = $"{name}_login_{Interlocked.Increment(ref databases)}";
        await ExecuteAsync($"CREATE ROLE {login} LOGIN PASSWORD '{password}'", $"GRANT CONNECT ON DATABASE {name} TO {login}");
        foreach (var role in memberOf)
            await ExecuteAsync($"GRANT {role} TO {login}");
        return ConnectionString(name, login);
    }

    /// <summary>How a superuser connects to the database that this connection string names.</summary>
    public string AsAdmin(string database) => ConnectionString(new NpgsqlConnectionStringBuilder(database).Database!, Admin);

    /// <summary>Runs statements as superuser in the server's own database, each by itself.</summary>
    public async Task ExecuteAsync(params string[] statements)
    {
        await using var connection = new NpgsqlConnection(ConnectionString(Admin, Admin));
        await connection.OpenAsync();
        foreach (var statement in statements)
        {
#pragma warning disable CA2100 // Test code's own texts.
            await using var command = new NpgsqlCommand(statement, connection);
#pragma warning restore CA2100
            await command.ExecuteNonQueryAsync();
        }
    }

    /// <summary>Starts it, or starts it again; completes once it takes connections.</summary>
    public async Task StartAgainAsync()
    {
        string[] server = [Program("postgres"), "-D", DataFolder, "-p", $"{Port}", "-k", Folder, "-c", $"fsync={(durable ? "on" : "off")}"];
        keeper = Process.Start(new ProcessStartInfo("sh", ["-c", Keeper, "sh", Folder, .. AsServerUser(server)]) { RedirectStandardInput = true, UseShellExecute = false })!;
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                await ExecuteAsync("SELECT 1");
                return;
            }
            catch (NpgsqlException) when (TimeProvider.System.GetElapsedTime(started) < Patience)
            {
                await pause.WaitForNextTickAsync();
            }
            catch (NpgsqlException e)
            {
                throw new InvalidOperationException($"PostgreSQL did not start:\n{await File.ReadAllTextAsync(Path.Combine(Folder, "log"))}", e);
            }
        }
    }

    /// <summary>Stops it: at once and in order, or as if it had crashed. Its data stay.</summary>
    public async Task StopAsync(bool crash = false)
    {
        await keeper!.StandardInput.WriteLineAsync(crash ? "QUIT" : "INT");
        keeper.StandardInput.Close();
        await keeper.WaitForExitAsync().WaitAsync(Patience);
        keeper.Dispose();
        keeper = null;
    }

    /// <summary>Tells it to stop once its last session has ended; it takes no new ones, and says so. <see cref="StopAsync"/> must follow.</summary>
    public Task StopSlowlyAsync() => RunAsync("kill", "-s", "TERM", $"{ProcessId}");

    /// <summary>Keeps all its processes from running, until <see cref="ResumeAsync"/>: connections stay, and nothing answers.</summary>
    public Task SuspendAsync() => SignalAllAsync("STOP");

    /// <summary>Lets them run again.</summary>
    public Task ResumeAsync() => SignalAllAsync("CONT");

    /// <summary>Copies the data of a stopped server to a folder beside them.</summary>
    public Task SaveCopyAsync(string name) => RunAsync("cp", "-a", DataFolder, Path.Combine(Folder, name));

    /// <summary>Puts a copy in the place of a stopped server's data, as from a backup.</summary>
    public async Task RestoreCopyAsync(string name)
    {
        await RunAsync("rm", "-rf", DataFolder);
        await RunAsync("cp", "-a", Path.Combine(Folder, name), DataFolder);
    }

    public async ValueTask DisposeAsync()
    {
        if (keeper is { } running)
        {
            keeper = null;
            running.StandardInput.Close();
            await running.WaitForExitAsync().WaitAsync(Patience);
            running.Dispose();
        }
        else
        {
            await RunAsync("rm", "-rf", Folder);
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    // Debian keeps the server's programs out of the path; the newest version counts.
    private static string Program(string name) =>
        Directory.Exists("/usr/lib/postgresql")
            ? Directory.GetDirectories("/usr/lib/postgresql")
                .Select(version => Path.Combine(version, "bin", name))
                .Where(File.Exists)
                .OrderByDescending(path => path.Length).ThenByDescending(path => path, StringComparer.Ordinal)
                .FirstOrDefault(name)
            : name;

    // PostgreSQL refuses to run as root.
    private static string[] AsServerUser(string[] command) =>
        Environment.IsPrivilegedProcess ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--", .. command] : command;

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = await process.StandardError.ReadToEndAsync();
        await output;
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} ended with {process.ExitCode}: {errors}");
    }

    private async Task InitialiseAsync()
    {
        var passwordFile = Path.Combine(Folder, "password");
        await File.WriteAllTextAsync(passwordFile, password);
        if (Environment.IsPrivilegedProcess)
            await RunAsync("chown", "-R", "postgres:postgres", Folder);
        // A collation unlike byte order, as databases in the wild have: what relies on order must say which.
        var initialise = AsServerUser(
        [
            Program("initdb"), "-D", DataFolder, "-U", Admin, "--auth=scram-sha-256", "--pwfile", passwordFile, "--no-sync",
            "--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en",
        ]);
        await RunAsync(initialise[0], initialise[1..]);
        await File.AppendAllTextAsync(
            Path.Combine(DataFolder, "postgresql.conf"),
            "listen_addresses = '127.0.0.1'\nmax_connections = 200\nshared_buffers = 64MB\nmin_wal_size = 80MB\n");
    }

    private string ConnectionString(string database, string user) =>
        new NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1",
            Port = Port,
            Database = database,
            Username = user,
            Password = password,
            Pooling = user != Admin,
        }.ToString();

    // The postmaster first: then nobody makes new ones. One that has just ended does not matter.
    private Task SignalAllAsync(string signal) =>
        RunAsync("sh", "-c", $"kill -s {signal} {ProcessId}; kill -s {signal} $(cat /proc/{ProcessId}/task/{ProcessId}/children) || true");
}
