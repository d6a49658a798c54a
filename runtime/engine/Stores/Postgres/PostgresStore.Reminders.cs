using Npgsql;

namespace JitGrains.Runtime.Engine;

internal sealed partial class PostgresStore
{
    /// <summary>Claims what it returns: nobody else gets these until they are moved on, or the claim has run out with its claimer.</summary>
    public async Task<IReadOnlyList<StoredReminder>> ReadDueRemindersAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken)
    {
        var claimed = await AllAsync(
            $"""
            UPDATE reminders SET claimed_until = $3 WHERE registration IN (
                SELECT registration FROM reminders WHERE due <= $1 AND claimed_until <= $1
                ORDER BY due, registration LIMIT $2 FOR UPDATE SKIP LOCKED)
            RETURNING {ReminderColumns}
            """,
            ReadReminder,
            cancellationToken,
            now.UtcTicks,
            (long)limit,
            (now + options.ReminderClaim).UtcTicks);
        return [.. claimed.OrderBy(r => r.Due).ThenBy(r => r.Registration)];
    }

    public Task<DateTimeOffset?> NextReminderAfterAsync(DateTimeOffset time, CancellationToken cancellationToken) =>
        OneAsync(
            "SELECT due FROM reminders WHERE due > $1 ORDER BY due LIMIT 1", r => (DateTimeOffset?)ReadTime(r, 0), cancellationToken, time.UtcTicks);

    public Task MoveReminderAsync(StoredReminder reminder, DateTimeOffset due, CancellationToken cancellationToken) =>
        ExecuteAsync(
            "UPDATE reminders SET due = $1, claimed_until = 0 WHERE registration = $2", cancellationToken, due.UtcTicks, reminder.Registration);

    private async Task<StoredReminder?> FindReminderAsync(NpgsqlConnection? connection, GrainId grain, string name)
    {
        const string Sql = $"SELECT {ReminderColumns} FROM reminders WHERE type = $1 AND key = $2 AND name = $3";
        if (connection is null)
            return await OneAsync(Sql, ReadReminder, CancellationToken.None, grain.Type, grain.Key, name);
        try
        {
            await using var batch = new NpgsqlBatch(connection) { BatchCommands = { PostgresConnections.Statement(Sql, grain.Type, grain.Key, name) } };
            await using var reader = await batch.ExecuteReaderAsync(CancellationToken.None);
            return await reader.ReadAsync(CancellationToken.None) ? ReadReminder(reader) : null;
        }
        catch (Exception e)
        {
            throw connections.Failed(e);
        }
    }

    private static StoredReminder ReadReminder(NpgsqlDataReader r) =>
        new(r.GetInt64(0), new GrainId(r.GetString(1), r.GetString(2)), r.GetString(3), ReadTime(r, 4), ReadTime(r, 5), TimeSpan.FromTicks(r.GetInt64(6)));

    private static DateTimeOffset ReadTime(NpgsqlDataReader r, int column) => new(r.GetInt64(column), TimeSpan.Zero);
}
