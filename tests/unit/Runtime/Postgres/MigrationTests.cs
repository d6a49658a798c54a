using JitGrains.Runtime.Engine;
using JitGrains.TestSupport;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace JitGrains.UnitTests.Runtime.Postgres;

public sealed class MigrationTests
{
    private static readonly string[] Steps = ["CREATE TABLE a (n int)", "CREATE TABLE b (n int); INSERT INTO b SELECT 1", "CREATE TABLE c (n int)"];

    [Fact]
    public async Task Many_processes_that_start_at_once_make_one_schema()
    {
        var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        var engines = Enumerable.Range(0, 8).Select(_ => EngineHarness.Create("postgres", database: database)).ToArray();
        await Task.WhenAll(engines.Select((engine, n) => Task.Run(() => engine.Tally($"g{n}").Add(n))));
        for (var n = 0; n < 8; n++)
            Assert.Equal(n, await engines[7 - n].Tally($"g{n}").Get());
        Assert.Single(engines.Select(e => e.Get<IStoreEpoch>().Current).Distinct(StringComparer.Ordinal));
        foreach (var engine in engines)
            await engine.DisposeAsync();
    }

    [Fact]
    public async Task Steps_are_taken_once_each_all_or_none_and_never_back()
    {
        var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        await MigrateAsync(database, Steps[..1]);
        await Assert.ThrowsAsync<PostgresException>(() => MigrateAsync(database, [.. Steps[..2], "CREATE TABLE oops ("]));
        Assert.IsType<DBNull>(await Database.RunAsync(database, "SELECT to_regclass('b')::text"));
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => MigrateAsync(database, Steps)));
        Assert.Equal(1L, await Database.RunAsync(database, "SELECT count(*) FROM b"));
        Assert.Equal(3, await Database.RunAsync(database, "SELECT version FROM schema_version"));

        var refused = await Assert.ThrowsAsync<StoreOpenException>(() => MigrateAsync(database, Steps[..2]));
        Assert.Contains("schema version 3; this program knows versions up to 2", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Executions_that_were_open_before_the_table_of_open_ones_are_in_it()
    {
        var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        await MigrateAsync(database, PostgresSchema.Steps[..1]);
        await Database.RunAsync(
            database,
            """
            INSERT INTO executions (id, grant_id, request_id, caller_key, incarnation, status, started_at, doc) VALUES
                ('ex_open', 'gr', 'rq', 'c', 'gw_1', 'started', 5, '{}'), ('ex_over', 'gr', 'rq', 'c', 'gw_1', 'completed', 4, '{}')
            """);
        await MigrateAsync(database, PostgresSchema.Steps);
        Assert.Equal("ex_open gw_1 5", await Database.RunAsync(database, "SELECT string_agg(concat_ws(' ', id, incarnation, started_at), ', ') FROM open_executions"));
    }

    [Fact]
    public async Task A_login_that_may_not_change_the_schema_says_who_must()
    {
        var server = await PostgresServer.SharedAsync();
        var database = await server.CreateDatabaseAsync();
        var login = await server.CreateLoginAsync(database);
        await using var engine = EngineHarness.Create("postgres", database: login);
        var refused = await Assert.ThrowsAsync<StoreOpenException>(() => engine.Tally("one").Add(1));
        Assert.Contains("Start a process whose DatabaseOwner may", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_start_waits_for_whoever_makes_the_schema()
    {
        var server = await PostgresServer.SharedAsync();
        var database = await server.CreateDatabaseAsync();
        var starting = Task.Run(async () => await EngineHarness.StartAsync("postgres", database: await server.CreateLoginAsync(database, "jitgrains_silo")));
        await using (var owner = EngineHarness.Create("postgres", database: database))
            Assert.Equal(1, await owner.Tally("one").Add(1));
        await using var silo = await starting;
        Assert.Equal(2, await silo.Tally("one").Add(1));
    }

    [Fact]
    public async Task What_cannot_work_is_refused_at_the_start()
    {
        var server = await PostgresServer.SharedAsync();
        var database = await server.CreateDatabaseAsync();
        var name = new NpgsqlConnectionStringBuilder(database).Database;
        await server.ExecuteAsync($"ALTER DATABASE {name} SET synchronous_commit = off");
        await using var hasty = EngineHarness.Create("postgres", database: database);
        Assert.Contains("synchronous_commit", (await Assert.ThrowsAsync<StoreOpenException>(() => hasty.Tally("one").Add(1))).Message, StringComparison.Ordinal);

        await using var nowhere = EngineHarness.Create(
            "postgres", database: "Host=127.0.0.1;Port=1;Database=x;Username=x", configure: o => o.DatabaseStartWait = TimeSpan.FromMilliseconds(1));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => nowhere.Tally("one").Add(1));
        Assert.Contains("cannot be used", (await Assert.ThrowsAsync<StoreOpenException>(nowhere.StartServicesAsync)).Message, StringComparison.Ordinal);
    }

    private static Task<SchemaChange> MigrateAsync(string database, string[] steps) =>
        PostgresMigration.RunAsync(database, steps, privileges: "SELECT 1", NullLogger.Instance, CancellationToken.None);
}
