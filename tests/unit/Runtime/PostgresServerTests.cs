using JitGrains.TestSupport;
using Npgsql;

namespace JitGrains.UnitTests.Runtime;

/// <summary>The server that other tests stand on: it does as it says.</summary>
public sealed class PostgresServerTests
{
    [Fact]
    public async Task A_server_is_stopped_crashed_set_back_and_cleaned_up()
    {
        var server = await PostgresServer.StartAsync();
        var database = await server.CreateDatabaseAsync();
        await RunAsync(database, "CREATE TABLE t (n int); INSERT INTO t VALUES (1)");
        await server.StopAsync();
        await server.SaveCopyAsync("copy");
        await server.StartAgainAsync();
        await RunAsync(database, "INSERT INTO t VALUES (2)");
        await server.StopAsync(crash: true);
        await server.StartAgainAsync();
        Assert.Equal(2L, await RunAsync(database, "SELECT count(*) FROM t"));
        await server.StopAsync();
        await server.RestoreCopyAsync("copy");
        await server.StartAgainAsync();
        Assert.Equal(1L, await RunAsync(database, "SELECT count(*) FROM t"));

        await server.SuspendAsync();
        var answer = RunAsync(database, "SELECT 3::bigint");
        Assert.False(answer.IsCompleted);
        await server.ResumeAsync();
        Assert.Equal(3L, await answer);

        await server.DisposeAsync();
        Assert.False(Directory.Exists(server.Folder));
    }

    [Fact]
    public async Task A_login_may_do_what_it_was_given_and_no_more()
    {
        var server = await PostgresServer.SharedAsync();
        var database = await server.CreateDatabaseAsync();
        await RunAsync(database, "CREATE TABLE t (n int)");
        var stranger = await server.CreateLoginAsync(database);
        var refused = await Assert.ThrowsAsync<PostgresException>(() => RunAsync(stranger, "SELECT count(*) FROM t"));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
        Assert.Equal(0L, await RunAsync(server.AsAdmin(database), "SELECT count(*) FROM t"));
        await Assert.ThrowsAsync<PostgresException>(() => server.CreateLoginAsync(database, "no_such_role"));
    }

    private static async Task<object?> RunAsync(string database, string sql)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(database) { Pooling = false }.ToString());
        await connection.OpenAsync();
#pragma warning disable CA2100 // Test code's own texts.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return await command.ExecuteScalarAsync();
    }
}
