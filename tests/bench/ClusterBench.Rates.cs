using System.Globalization;
using JitGrains.ClusterTests.Load;
using Npgsql;

namespace JitGrains.Bench;

/// <summary>How much goes through: uses of counted grants, and allowed calls with what they have the database write.</summary>
internal sealed partial class ClusterBench
{
    private const int Connections = 32;
    private const string AllowedHead =
        "| allowed calls, 32 connections | requests/s | p99 | failed | share that waited for the database | rows of the audit trail per call | log per call | storage per call |\n|---|---:|---:|---:|---:|---:|---:|---:|";

    private static readonly string ConsumingHead = $"| executions of counted grants, {Connections} connections, {Connections} principals | per second | p50 | p99 |\n|---|---:|---:|---:|";

    private static readonly TimeSpan Round = TimeSpan.FromSeconds(5);

    private async Task ConsumingAsync(List<string> rows)
    {
        var gateways = cluster.Gateways.Count;
        var holders = Enumerable.Range(0, Connections).Select(_ => NewPerson()).ToList();
        foreach (var holder in holders)
            await GrantAsync(holder, "bench.counted", null);
        using var pgbench = await PgBench.PrepareAsync(cluster.Postgres);
        List<double> baseline = [];
        List<WrkRun> ours = [];
        // Until what runs often has been compiled well, in every process.
        await SpreadAsync("/counted", holders, Connections, 12 * Round, default);
        for (var round = 0; round < 3; round++)
        {
            // Turn by turn, so that both see the same machine.
            baseline.Add(await pgbench.RunAsync(Connections, Round));
            ours.Add(await SpreadAsync("/counted", holders, Connections, Round, default));
        }

        var run = ours.OrderBy(o => o.Rate).ElementAt(ours.Count / 2);
        var transactionsPerSecond = baseline.Order().ElementAt(baseline.Count / 2);
        rows.AddRange(
        [
            Invariant($"| {gateways} gateways, executions | {run.Rate:N0} | {run.P50:0.00} ms | {run.P99:0.00} ms |"),
            Invariant($"| `pgbench -N` then, transactions | {transactionsPerSecond:N0} | | |"),
            Invariant($"| ratio | {run.Rate / transactionsPerSecond:0.00} | | |"),
        ]);
        await Console.Error.WriteLineAsync(rows[^1]);
    }

    private async Task AllowedAsync(List<string> rows)
    {
        var callers = Enumerable.Range(0, Connections).Select(_ => NewPerson()).ToList();
        await SpreadAsync("/allow", callers, Connections, Round, default);
        var before = await waits.TotalAsync();
        var written = await WrittenAsync();
        var runs = new List<WrkRun>();
        for (var i = 0; i < 3; i++)
            runs.Add(await SpreadAsync("/allow", callers, Connections, Round, default));
        var after = await waits.TotalAsync();
        // The last batches are written a second later at most, and their numbers known to the server soon after.
        using (var moment = new PeriodicTimer(TimeSpan.FromSeconds(3)))
            await moment.WaitForNextTickAsync();
        var (entries, log, storage) = (await WrittenAsync()).Since(written);
        var run = runs.OrderBy(r => r.Rate).ElementAt(1);
        var calls = Math.Max(1.0, runs.Sum(r => r.Requests));
        rows.Add(Invariant(
            $"| {cluster.Gateways.Count} gateways | {run.Rate:N0} | {run.P99:0.00} ms | {runs.Sum(r => r.Failed)} | {(after - before) / calls:0.000000} | {entries / calls:0.0000} | {log / calls:N0} B | {storage / calls:N0} B |"));
        await Console.Error.WriteLineAsync(rows[^1]);
    }

    /// <summary>What the database has written so far.</summary>
    private async Task<Written> WrittenAsync()
    {
        await using var connection = new NpgsqlConnection(cluster.Admin);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            """
            SELECT (SELECT sum(n_tup_ins)::bigint FROM pg_stat_user_tables WHERE relname LIKE 'audit%'),
                pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint, pg_database_size(current_database())
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        return new Written(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2));
    }

    /// <summary>Rows of the audit trail's tables, bytes of the log, bytes of the tables.</summary>
    private sealed record Written(long Entries, long Log, long Storage)
    {
        public Written Since(Written before) => new(Entries - before.Entries, Log - before.Log, Storage - before.Storage);
    }

    /// <summary>The same load through all gateways at once, the connections spread over them.</summary>
    private async Task<WrkRun> SpreadAsync(string path, List<Person> people, int connections, TimeSpan duration, CancellationToken stop)
    {
        var count = cluster.Gateways.Count;
        var tokens = people.Select(p => p.Token).ToList();
        var runs = await Task.WhenAll(cluster.Gateways.Select((g, i) => Wrk.RunAsync(
            new Uri(g.Process.Gateway, path).ToString(),
            [.. tokens.Where((_, n) => n % count == i)],
            Math.Max(1, connections / count),
            duration,
            threads: 1,
            stop)));
        return new WrkRun(runs.Sum(r => r.Rate), runs.Average(r => r.P50), runs.Max(r => r.P99), runs.Sum(r => r.Failed), runs.Sum(r => r.Requests), runs.Max(r => r.Longest));
    }

    private async Task LoadAsync(Person caller, CancellationToken stop)
    {
        try
        {
            await SpreadAsync("/allow", [.. Enumerable.Repeat(caller, cluster.Gateways.Count)], 8, TimeSpan.FromMinutes(10), stop);
        }
        catch (OperationCanceledException)
        {
            // As long as it was wanted.
        }
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
