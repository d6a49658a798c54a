using JitGrains.Runtime.Engine;

namespace JitGrains.GrainTests;

/// <summary>Orleans' own tables in PostgreSQL.</summary>
internal static class OrleansTables
{
    /// <summary>Creates them in an empty database, with what JitGrains adds.</summary>
    public static async Task CreateAsync(string database)
    {
        await OrleansScripts.ApplyAsync(database);
        await OrleansSchema.PrepareAsync(database, CancellationToken.None);
    }
}
