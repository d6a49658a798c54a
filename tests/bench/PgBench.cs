using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using JitGrains.TestSupport;
using Npgsql;

namespace JitGrains.Bench;

/// <summary>PostgreSQL's own benchmark on the same server: <c>pgbench -N</c>, simple updates, prepared statements.</summary>
internal sealed partial class PgBench : IDisposable
{
    private readonly NpgsqlConnectionStringBuilder database;

    private PgBench(NpgsqlConnectionStringBuilder database) => this.database = database;

    public static async Task<PgBench> PrepareAsync(PostgresServer server)
    {
        var bench = new PgBench(new NpgsqlConnectionStringBuilder(await server.CreateDatabaseAsync()));
        await bench.StartAsync("-i", "-q", "-s", "10");
        return bench;
    }

    /// <summary>Transactions per second.</summary>
    public async Task<double> RunAsync(int clients, TimeSpan duration)
    {
        var output = await StartAsync("-N", "-M", "prepared", "-c", $"{clients}", "-j", "2", "-T", $"{duration.TotalSeconds:0}");
        return double.Parse(Rate().Match(output).Groups[1].Value, CultureInfo.InvariantCulture);
    }

    public void Dispose() => NpgsqlConnection.ClearAllPools();

    private async Task<string> StartAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("pgbench") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        start.Environment["PGHOST"] = database.Host;
        start.Environment["PGPORT"] = $"{database.Port}";
        start.Environment["PGDATABASE"] = database.Database;
        start.Environment["PGUSER"] = database.Username;
        start.Environment["PGPASSWORD"] = database.Password;
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"pgbench ended with {process.ExitCode}: {await errors}");
    }

    [GeneratedRegex(@"tps = ([0-9.]+) \(without")]
    private static partial Regex Rate();
}
