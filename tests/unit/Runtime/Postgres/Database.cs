using Npgsql;

namespace JitGrains.UnitTests.Runtime.Postgres;

/// <summary>What tests do to a database from outside.</summary>
internal static class Database
{
    public static async Task<object?> RunAsync(NpgsqlConnection connection, string sql)
    {
#pragma warning disable CA2100 // Test code's own texts.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return await command.ExecuteScalarAsync();
    }

    /// <summary>Runs statements on a connection of their own; returns the first value.</summary>
    public static async Task<object?> RunAsync(string database, string sql)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(database) { Pooling = false }.ToString());
        await connection.OpenAsync();
        return await RunAsync(connection, sql);
    }

    /// <summary>Cuts the connections of this database that are in this state, or whose last statement was this; returns how many.</summary>
    public static async Task<long> CutAsync(string database, string stateOrStatement) => (long)(await RunAsync(
        database,
        $"""
        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND '{stateOrStatement}' IN (state, query)
        """))!;

    public static async Task<bool> IsAnyoneWaitingAsync(string database) => (long)(await RunAsync(
        database, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"))! > 0;
}
