using Microsoft.Extensions.Hosting;
using Npgsql;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// What JitGrains needs of Orleans' tables in PostgreSQL beyond Orleans' own scripts, which the operator applies. Runs before
/// the silo starts; changes nothing where it was done already.
/// </summary>
internal sealed class OrleansSchema(OrleansOptions options) : IHostedService
{
    /// <summary>
    /// Two activations of one grain that both write it for the first time would both succeed: the script asks whether there
    /// is a row and then inserts one, and nothing keeps two from doing so at once. And a caller's key, which names whoever
    /// acts for it too, can be longer than the columns are wide.
    /// </summary>
    public const string Migration =
        """
        SELECT pg_advisory_xact_lock(7205141981);
        CREATE UNIQUE INDEX IF NOT EXISTS jitgrains_one_state ON OrleansStorage
            (ServiceId, GrainTypeString, GrainIdN0, GrainIdN1, (COALESCE(GrainIdExtensionString, '')));
        ALTER TABLE OrleansStorage ALTER COLUMN GrainIdExtensionString TYPE varchar(2048);
        ALTER TABLE OrleansRemindersTable ALTER COLUMN GrainId TYPE varchar(2048);
        """;

    private const string IsDone =
        """
        SELECT EXISTS (SELECT FROM pg_indexes WHERE indexname = 'jitgrains_one_state' AND schemaname = ANY (current_schemas(false)))
           AND NOT EXISTS (SELECT FROM information_schema.columns WHERE table_schema = ANY (current_schemas(false)) AND (table_name, column_name) IN
               (('orleansstorage', 'grainidextensionstring'), ('orleansreminderstable', 'grainid')) AND character_maximum_length < 2048)
        """;

    /// <summary>Prepares the database.</summary>
    /// <exception cref="StoreOpenException">Orleans' tables are not there, or may not be changed by this login, or the database does not let it in.</exception>
    /// <exception cref="StoreUnavailableException">The database did not answer, or takes nobody yet.</exception>
    public static async Task PrepareAsync(string database, CancellationToken cancellationToken)
    {
        try
        {
            await using var source = NpgsqlDataSource.Create(database);
            await using var connection = await source.OpenConnectionAsync(cancellationToken);
            await using var check = new NpgsqlCommand(IsDone, connection);
            if (await check.ExecuteScalarAsync(cancellationToken) is true)
                return;
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await using var migrate = new NpgsqlCommand(Migration, connection, transaction);
            await migrate.ExecuteNonQueryAsync(cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            throw new StoreOpenException("Orleans' tables are not in the database: apply Orleans' PostgreSQL scripts (Main, Clustering, Persistence, Reminders) first; docs/orleans.md says how.", e);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            throw new StoreOpenException("This login may not change Orleans' tables: have their owner start a silo once, or apply the statements in docs/orleans.md.", e);
        }
        catch (Exception e)
        {
            // Where it has none of its own it uses JitGrains' setting, whose login was tried before.
            throw PostgresRefusals.Of(e, "Orleans:Database", database);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => PrepareAsync(options.Database!, cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
