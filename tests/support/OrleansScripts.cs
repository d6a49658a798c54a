using Npgsql;

namespace JitGrains.TestSupport;

/// <summary>
/// Orleans' own scripts for PostgreSQL. They are published with its source, not with its packages: the variable
/// ORLEANS_SQL names the folder that holds them (PostgreSQL-Main.sql and its like).
/// </summary>
public static class OrleansScripts
{
    private static readonly string[] Names = ["PostgreSQL-Main.sql", "PostgreSQL-Clustering.sql", "PostgreSQL-Persistence.sql", "PostgreSQL-Reminders.sql"];

    /// <summary>The scripts, or null where they are not to be had.</summary>
    public static IReadOnlyList<string>? Files { get; } =
        Environment.GetEnvironmentVariable("ORLEANS_SQL") is { Length: > 0 } folder ? [.. Names.Select(n => Path.Combine(folder, n))] : null;

    /// <summary>Makes Orleans' tables, of which this login is then the owner.</summary>
    /// <exception cref="InvalidOperationException">The scripts are not to be had.</exception>
    public static async Task ApplyAsync(string database)
    {
        var files = Files ?? throw new InvalidOperationException("ORLEANS_SQL does not name the folder of Orleans' scripts");
        await using var source = NpgsqlDataSource.Create(database);
        foreach (var file in files)
        {
#pragma warning disable CA2100 // Orleans' own texts.
            await using var command = source.CreateCommand(await File.ReadAllTextAsync(file));
#pragma warning restore CA2100
            await command.ExecuteNonQueryAsync();
        }
    }
}
