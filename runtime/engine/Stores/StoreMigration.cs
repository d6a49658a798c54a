using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace JitGrains.Runtime.Engine;

/// <summary>Brings a store that is there up to this version, without starting anything over it. Stateless.</summary>
public static partial class StoreMigration
{
    /// <summary>Does it, by the owner's login where the store is a database; what was done, in sentences. Doing it again changes nothing.</summary>
    /// <exception cref="StoreOpenException">There is no such store, it is of a later version or in use, or this login may not do all of it.</exception>
    /// <exception cref="StoreUnavailableException">The database did not answer; trying again may help.</exception>
    public static async Task<IReadOnlyList<string>> RunAsync(GrainEngineOptions options, CancellationToken cancellationToken = default)
    {
        if (options.UseMemory)
            throw new StoreOpenException("What is kept in memory has nothing to bring up to date.");
        var done = new List<string>();
        try
        {
            done.Add(options.Database is null ? OfFile(options.DataFolder!) : await OfDatabaseAsync(options, cancellationToken));
            var others = new List<Func<Task<string>>>();
            AddSteps(options, others, cancellationToken);
            foreach (var other in others)
                done.Add(await other());
        }
        catch (PostgresException e) when (!PostgresErrors.IsTransient(e))
        {
            throw new StoreOpenException($"The database cannot be brought up to date: {e.MessageText} ({e.SqlState})", e);
        }
        catch (Exception e) when (PostgresErrors.IsTransient(e))
        {
            throw PostgresErrors.Translate(e);
        }

        return done;
    }

    /// <summary>Adds what another engine, where this was built with one, has in the database.</summary>
    static partial void AddSteps(GrainEngineOptions options, ICollection<Func<Task<string>>> steps, CancellationToken cancellationToken);

    private static string OfFile(string folder)
    {
        var path = Path.Combine(folder, DatabaseFile.Name);
        // A process makes its own; a new file here were the answer to a folder, or a database, that was not named as was meant.
        if (!File.Exists(path))
            throw new StoreOpenException($"There is no database {path}: name the folder of one (--data), or a PostgreSQL database (DatabaseOwner, or Database).");
        using var file = DatabaseFile.Open(folder);
        return Told($"The schema of {path}", file.FoundVersion, SqliteSchema.Version);
    }

    private static async Task<string> OfDatabaseAsync(GrainEngineOptions options, CancellationToken cancellationToken)
    {
        var change = await PostgresMigration.RunAsync(options, NullLogger.Instance, cancellationToken);
        var told = Told("The database's schema", change.From, change.To);
        return change.Granted
            ? $"{told} The roles jitgrains_silo and jitgrains_gateway have its privileges."
            : throw new StoreOpenException(
                $"{told} But the roles jitgrains_silo and jitgrains_gateway do not have its privileges: either this login does not own the tables, or the roles are missing and it may not create them; then have an administrator run: {PostgresMigration.RolesSql}");
    }

    private static string Told(string what, int from, int to) => from == to ? $"{what} is at version {to}, as it was." : $"{what} went from version {from} to {to}.";
}
