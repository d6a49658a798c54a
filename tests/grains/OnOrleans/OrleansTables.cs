using JitGrains.Runtime.Engine;
using Npgsql;

namespace JitGrains.GrainTests;

/// <summary>
/// Orleans' own tables in PostgreSQL. Its scripts are published with its source, not with its packages: the variable
/// ORLEANS_SQL names the folder that holds them (PostgreSQL-Main.sql and its like).
/// </summary>
public static class OrleansTables
{
    private static readonly string[] Names = ["PostgreSQL-Main.sql", "PostgreSQL-Clustering.sql", "PostgreSQL-Persistence.sql", "PostgreSQL-Reminders.sql"];

    /// <summary>The scripts, or null where they are not to be had.</summary>
    public static IReadOnlyList<string>? Scripts { get; } =
        Environment.GetEnvironmentVariable("ORLEANS_SQL") is { Length: > 0 } folder ? [.. Names.Select(n => Path.Combine(folder, n))] : null;

    /// <summary>Creates them in an empty database, with what JitGrains adds.</summary>
    public static async Task CreateAsync(string database)
    {
        await using var source = NpgsqlDataSource.Create(database);
        foreach (var script in Scripts!)
        {
            await using var command = source.CreateCommand(await File.ReadAllTextAsync(script));
            await command.ExecuteNonQueryAsync();
        }

        await OrleansSchema.PrepareAsync(database, CancellationToken.None);
    }
}
