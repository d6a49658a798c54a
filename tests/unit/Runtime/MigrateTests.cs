using JitGrains.Gateway.Hosting;
using JitGrains.TestSupport;
using Npgsql;

namespace JitGrains.UnitTests.Runtime;

/// <summary><c>migrate</c>: the schema and who may do what, as the owner, and then the end.</summary>
public sealed class MigrateTests
{
    private const string Granted = "The roles jitgrains_silo and jitgrains_gateway have its privileges.";

    [Fact]
    public async Task A_database_is_brought_up_to_date_as_its_owner_and_again_nothing_changes()
    {
        var server = await PostgresServer.SharedAsync();
        var owner = await server.CreateDatabaseAsync();
        var (code, output, errors) = await MigrateAsync("--database", owner);
        Assert.Equal((0, ""), (code, errors));
        Assert.Matches($"^The database's schema went from version 0 to [0-9]+\\. {Granted}$", output);

        // Of an earlier version, with a login of a process beside the owner's: only the owner's is used.
        await using var connection = new NpgsqlConnection(owner);
        await connection.OpenAsync();
        await using var older = new NpgsqlCommand("UPDATE schema_version SET privileges = ''; DROP POLICY silo ON grains", connection);
        await older.ExecuteNonQueryAsync();
        var silo = await server.CreateLoginAsync(owner, "jitgrains_silo");
        using var told = new StringWriter();
        await MigrateCommand.RunAsync(["--database", silo, "--role", "silo"], told, new Dictionary<string, string>(StringComparer.Ordinal) { ["DatabaseOwner"] = owner });
        Assert.Matches($"^The database's schema is at version [0-9]+, as it was\\. {Granted}$", told.ToString().Trim());
        await using var policies = new NpgsqlCommand("SELECT count(*) FROM pg_policies WHERE policyname = 'silo' AND tablename = 'grains'", connection);
        Assert.Equal(1L, await policies.ExecuteScalarAsync());
    }

    [Fact]
    public async Task What_it_may_not_do_or_cannot_is_said_and_no_success()
    {
        var server = await PostgresServer.SharedAsync();
        var owner = await server.CreateDatabaseAsync();
        var nobody = await server.CreateLoginAsync(owner);
        Assert.Contains("its login may not change the schema", await FailsAsync("--database", nobody), StringComparison.Ordinal);

        await MigrateAsync("--database", owner);
        var silo = await server.CreateLoginAsync(owner, "jitgrains_silo");
        await using var connection = new NpgsqlConnection(owner);
        await connection.OpenAsync();
        await using (var older = new NpgsqlCommand("UPDATE schema_version SET privileges = ''", connection))
            await older.ExecuteNonQueryAsync();
        Assert.Contains("do not have its privileges", await FailsAsync("--database", silo), StringComparison.Ordinal);

        await using (var later = new NpgsqlCommand("UPDATE schema_version SET version = 1000", connection))
            await later.ExecuteNonQueryAsync();
        Assert.Contains("schema version 1000; this program knows versions up to", await FailsAsync("--database", owner), StringComparison.Ordinal);
        Assert.Contains("28P01", await FailsAsync("--database", new NpgsqlConnectionStringBuilder(owner) { Password = "wrong" }.ToString()), StringComparison.Ordinal);
        Assert.Equal("Database is no connection string (Host=...;Database=...;Username=...;Password=...)", await FailsAsync("--database", "nonsense"));
        Assert.Equal("--databse: there is no such option; --help lists them.\nx: there is no such option; --help lists them.", await FailsAsync("--databse", "x"));
        Assert.Equal("What is kept in memory has nothing to bring up to date.", await FailsAsync("--store", "memory"));
    }

    [Fact]
    public async Task A_file_is_brought_up_to_date_where_there_is_one_that_nobody_has_open()
    {
        using var folder = new TempFolder();
        var data = folder.Path;
        Assert.StartsWith($"There is no database {Path.Combine(data, "jitgrains.db")}: ", await FailsAsync("--data", data), StringComparison.Ordinal);
        Assert.False(Directory.Exists(data));
        await using (var engine = EngineHarness.Create("sqlite", data))
        {
            await engine.Tally("one").Add(1);
            Assert.Contains("is in use by another process", await FailsAsync("--data", data), StringComparison.Ordinal);
        }

        var (code, output, errors) = await MigrateAsync("--data", data);
        Assert.Equal((0, ""), (code, errors));
        Assert.Matches(@"jitgrains\.db is at version [0-9]+, as it was\.$", output);
    }

    private static async Task<string> FailsAsync(params string[] args)
    {
        var (code, output, errors) = await MigrateAsync(args);
        Assert.Equal((1, ""), (code, output));
        return errors;
    }

    private static async Task<(int Code, string Output, string Errors)> MigrateAsync(params string[] args)
    {
        using var errors = new StringWriter();
        using var output = new StringWriter();
        var code = await GatewayHost.RunAsync(["migrate", .. args], errors, output);
        return (code, output.ToString().Trim(), errors.ToString().Trim());
    }
}
