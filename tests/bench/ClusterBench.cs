using System.Diagnostics;
using System.Globalization;
using JitGrains.ClusterTests.Load;
using JitGrains.ClusterTests.Running;
using JitGrains.ClusterTests.Wire;
using Npgsql;

namespace JitGrains.Bench;

/// <summary>
/// The cluster: revocation by number of gateways, a vote's way to a held caller, uses taken beside pgbench on the same
/// server, and allowed calls by number of gateways with how many of them waited for the database. All in one run.
/// </summary>
internal sealed class ClusterBench(Cluster cluster, Issuer issuer, StoreWaits waits) : IDisposable
{
    private const int Connections = 32;
    private const int Revocations = 400;
    private const int Votes = 400;

    // Rounds before those that count, a third of them at a time: what a process does once a second it has then done often enough, too.
    private const int WarmUp = 480;
    private const string RevocationHead = "| revocation, round trip | count | p50 | p99 | leases waited out |\n|---|---:|---:|---:|---:|";
    private const string AllowedHead =
        "| allowed calls, 32 connections | requests/s | p99 | failed | share that waited for the database | rows of the audit trail per call | log per call | storage per call |\n|---|---:|---:|---:|---:|---:|---:|---:|";

    private const string VotingHead = "| from vote to the held caller's first byte | count | p50 | p99 |\n|---|---:|---:|---:|";

    private static readonly string ConsumingHead = $"| executions of counted grants, {Connections} connections, {Connections} principals, through 3 gateways | per second | p50 | p99 |\n|---|---:|---:|---:|";

    private static readonly TimeSpan Round = TimeSpan.FromSeconds(5);

    // What a busy machine keeps waiting is measured, and no failure.
    private readonly Client client = new(oneByOne: true, patience: TimeSpan.FromMinutes(1));
    private readonly Person dave = Person.Of(issuer, "dave", "operators");
    private readonly Person bob = Person.Of(issuer, "bob", "managers");
    private int people;

    /// <param name="part">
    /// <c>idle</c>: revocations and votes with nothing else going on; <c>votes</c>: only votes; <c>revocations</c>: only revocations, with
    /// so many gateways; <c>uses</c>: executions of counted grants; <c>allowed</c>: allowed calls through 1, 2 and 4 gateways; otherwise all.
    /// </param>
    /// <param name="gateways">How many gateways for <c>revocations</c>.</param>
    public static async Task<int> RunAsync(string? part = null, int gateways = 3)
    {
        Console.WriteLine($"Engine: {(OrleansDatabase.IsEngine ? "Orleans" : "built in")}.");
        Console.WriteLine($"Clients, upstream, silos, gateways and PostgreSQL share this machine's {Environment.ProcessorCount} cores.");
        await using var upstream = await ServerProcess.StartSelfAsync("upstream");
        await using var issuer = await Issuer.Start();
        await using var waits = await StoreWaits.StartAsync();
        var settings = new Settings(new Uri(upstream.Url), "cluster.yaml", issuer)
        {
            // Metrics each second, and no traces, where they are read.
            More = new Dictionary<string, string>(part is null or "allowed" ? [new("OtlpEndpoint", waits.Address.ToString())] : [], StringComparer.Ordinal),
            Variables = new Dictionary<string, string>(StringComparer.Ordinal) { ["OTEL_METRIC_EXPORT_INTERVAL"] = "1000", ["OTEL_TRACES_SAMPLER"] = "always_off" },
        };
        await using var cluster = await Cluster.Start(gateways: 1, silos: 2, settings, faults: false);
        using var bench = new ClusterBench(cluster, issuer, waits);
        await (part switch
        {
            "idle" => bench.MeasureIdleAsync(),
            "votes" => bench.MeasureVotesAsync(),
            "revocations" => bench.MeasureRevocationsAsync(gateways),
            "uses" => bench.MeasureUsesAsync(),
            "allowed" => bench.MeasureAllowedAsync(),
            _ => bench.MeasureAsync(),
        });
        return 0;
    }

    public void Dispose() => client.Dispose();

    private async Task MeasureIdleAsync()
    {
        List<string> revocation = [], voting = [];
        await RevocationAsync(revocation, load: false);
        await cluster.Grow(3);
        await RevocationAsync(revocation, load: false);
        await VotingAsync(voting, load: false);
        await cluster.Grow(8);
        await RevocationAsync(revocation, load: false);
        Table(RevocationHead, revocation);
        Table(VotingHead, voting);
    }

    private async Task MeasureVotesAsync()
    {
        List<string> voting = [];
        await cluster.Grow(3);
        await VotingAsync(voting, load: false);
        Table(VotingHead, voting);
    }

    private async Task MeasureRevocationsAsync(int gateways)
    {
        List<string> revocation = [];
        await cluster.Grow(gateways);
        await RevocationAsync(revocation, load: false);
        Table(RevocationHead, revocation);
    }

    private async Task MeasureUsesAsync()
    {
        await cluster.Grow(3);
        Table(ConsumingHead, await ConsumingAsync());
    }

    private async Task MeasureAllowedAsync()
    {
        List<string> allowed = [];
        foreach (var gateways in (int[])[1, 2, 4])
        {
            await cluster.Grow(gateways);
            await AllowedAsync(allowed);
        }

        Table(AllowedHead, allowed);
    }

    private async Task MeasureAsync()
    {
        List<string> revocation = [], allowed = [], voting = [];
        await AllowedAsync(allowed);
        await RevocationAsync(revocation, load: false);
        await RevocationAsync(revocation, load: true);
        await cluster.Grow(2);
        await AllowedAsync(allowed);
        await cluster.Grow(3);
        await RevocationAsync(revocation, load: false);
        await RevocationAsync(revocation, load: true);
        await VotingAsync(voting, load: false);
        await VotingAsync(voting, load: true);
        var consuming = await ConsumingAsync();
        await cluster.Grow(4);
        await AllowedAsync(allowed);
        await cluster.Grow(8);
        await RevocationAsync(revocation, load: false);
        await RevocationAsync(revocation, load: true);

        Table(RevocationHead, revocation);
        Table(VotingHead, voting);
        Table(ConsumingHead, consuming);
        Table(AllowedHead, allowed);
    }

    /// <summary>Grants revoked one after the other, with nothing else going on or with allowed calls through every gateway.</summary>
    private async Task RevocationAsync(List<string> rows, bool load)
    {
        using var stop = new CancellationTokenSource();
        var loading = load ? LoadAsync(NewPerson(), stop.Token) : Task.CompletedTask;
        var figures = new Figures();
        var condemned = 0;
        for (var i = -WarmUp; i < Revocations; i++)
        {
            await MaybeRestAsync(i, load);
            // A holder of its own each time, with the grant in every gateway's memory.
            var number = WarmUp + i;
            var holder = NewPerson();
            var grant = await GrantAsync(holder, "bench.many", $"n={number}");
            foreach (var gateway in cluster.Gateways)
                await MustAsync(await client.Send("GET", new Uri(gateway.Process.Gateway, $"/many/{number}"), holder.Token));
            var silo = cluster.Silos[number % cluster.Silos.Count].Process.Control;
            var answer = await MustAsync(await client.Send("DELETE", new Uri(silo, $"/api/v1/grants/{grant}"), dave.Token, new { reason = "bench" }));
            if (i < 0)
                continue;
            figures.Add(answer.At!.Value - answer.SentAt);
            condemned += answer.Json["gateways_condemned"]!.GetValue<int>();
        }

        await stop.CancelAsync();
        await loading;
        rows.Add($"| {cluster.Gateways.Count} gateways, {Called(load)} | {figures} | {condemned} |");
        await Console.Error.WriteLineAsync(rows[^1]);
    }

    /// <summary>A call held at one gateway, and the vote at a silo; the time is from before the vote is sent.</summary>
    private async Task VotingAsync(List<string> rows, bool load)
    {
        using var stop = new CancellationTokenSource();
        var loading = load ? LoadAsync(NewPerson(), stop.Token) : Task.CompletedTask;
        using var held = new Client(oneByOne: true);
        var figures = new Figures();
        for (var i = -WarmUp; i < Votes; i++)
        {
            await MaybeRestAsync(i, load);
            var number = WarmUp + i;
            var caller = NewPerson();
            var gateway = cluster.Gateways[number % cluster.Gateways.Count].Process.Gateway;
            var call = held.Send("POST", new Uri(gateway, $"/hold/{number}"), caller.Token, new { number }, TimeSpan.FromMinutes(1), default, ("Prefer", "wait=30"));
            var silo = cluster.Silos[number % cluster.Silos.Count].Process.Control;
            var (id, digest) = await PendingAsync(silo, $"n={number}");
            // Nobody votes within milliseconds: what raising it has set off is over by then.
            using var moment = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
            await moment.WaitForNextTickAsync();
            var vote = await MustAsync(await client.Send("POST", new Uri(silo, $"/api/v1/requests/{id}/votes"), bob.Token, new { decision = "approve", digest }));
            var answer = await MustAsync(await call);
            if (i >= 0)
                figures.Add(answer.At!.Value - vote.SentAt);
        }

        await stop.CancelAsync();
        await loading;
        rows.Add($"| {Called(load)} | {figures} |");
        await Console.Error.WriteLineAsync(rows[^1]);
    }

    /// <summary>
    /// After each third of the warm-up the processes compile what has turned out to be run often; on few cores that takes longer
    /// than all that is measured. With nothing else going on, it is waited for.
    /// </summary>
    private async Task MaybeRestAsync(int round, bool load)
    {
        if (load || round > 0 || round == -WarmUp || round % (WarmUp / 3) != 0)
            return;
        using var ticks = new PeriodicTimer(TimeSpan.FromSeconds(1));
        for (var (i, used) = (0, Used()); i < 30 && await ticks.WaitForNextTickAsync(); i++)
        {
            var now = Used();
            if (now - used < TimeSpan.FromMilliseconds(60) * cluster.Members.Count)
                return;
            used = now;
        }

        TimeSpan Used() => TimeSpan.FromTicks(cluster.Members.Sum(m =>
        {
            using var process = Process.GetProcessById(m.Process.Id);
            return process.TotalProcessorTime.Ticks;
        }));
    }

    private async Task<List<string>> ConsumingAsync()
    {
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
        return
        [
            Invariant($"| executions | {run.Rate:N0} | {run.P50:0.00} ms | {run.P99:0.00} ms |"),
            Invariant($"| `pgbench -N`, transactions | {transactionsPerSecond:N0} | | |"),
            Invariant($"| ratio | {run.Rate / transactionsPerSecond:0.00} | | |"),
        ];
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

    /// <summary>Asks ahead for what policy approves by itself; the grant's id.</summary>
    private async Task<string> GrantAsync(Person holder, string action, string? resource)
    {
        var gateway = cluster.Gateways[0].Process.Gateway;
        var task = await MustAsync(await client.Send("POST", new Uri(gateway, "/.jit/requests"), holder.Token, resource is null ? new { action } : (object)new { action, resource }));
        var id = task.Json["id"]!.GetValue<string>();
        var settled = await MustAsync(await client.Send("GET", new Uri(gateway, $"/.jit/requests/{id}"), holder.Token, null, TimeSpan.FromSeconds(30), default, ("Prefer", "wait=20")));
        return settled.Json["grant"]?["id"]?.GetValue<string>() ?? throw new InvalidOperationException($"no grant: {settled.Body}");
    }

    private async Task<(string Id, string Digest)> PendingAsync(Uri silo, string resource)
    {
        (string, string)? found = null;
        await Until.Holds(async () =>
        {
            var pending = await MustAsync(await client.Send("GET", new Uri(silo, "/api/v1/requests?status=pending&limit=5"), bob.Token));
            var request = pending.Json["items"]!.AsArray().FirstOrDefault(r => r!["resource"]!.GetValue<string>() == resource);
            found = request is null ? null : (request["id"]!.GetValue<string>(), request["digest"]!.GetValue<string>());
            return found is not null;
        });
        return found!.Value;
    }

    private static Task<Answer> MustAsync(Answer answer) =>
        answer.Succeeded ? Task.FromResult(answer) : throw new InvalidOperationException($"answered {answer.Status}: {answer.Body}{answer.Because}");

    private Person NewPerson() => Person.Of(issuer, $"bench-{people++}", "engineering");

    private static string Called(bool load) => load ? "under load" : "idle";

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static void Table(string head, IEnumerable<string> rows)
    {
        Console.WriteLine();
        Console.WriteLine(head);
        foreach (var row in rows)
            Console.WriteLine(row);
    }
}
