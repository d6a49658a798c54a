using System.Security.Cryptography;
using JitGrains.Runtime.Engine;

namespace JitGrains.GrainTests;

/// <summary>What clusters stand on and leave behind: stored grains, read models, keys, time.</summary>
internal sealed record Ground
{
    /// <summary>The database that holds Orleans' tables, or null for <see cref="Table"/>.</summary>
    public string? Database { get; private init; }

    public SharedGrainStorage.Table Table { get; } = new();

    public MemoryStore ReadModels { get; } = new(TimeProvider.System);

    public ManualTime Time { get; } = new(Sample.Start);

    /// <summary>What grains go by.</summary>
    public TimeProvider Clock { get; init; }

    public ECDsa SigningKey { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    private Ground() => Clock = Time;

    /// <summary>Empty, for the named store (<see cref="Stores"/>).</summary>
    public static async Task<Ground> CreateAsync(string store)
    {
        if (store == "memory")
            return new Ground();
        // Each test has a database, and so a pool, of its own; together they must not use up the server.
        var database = $"{await (await PostgresServer.SharedAsync()).CreateDatabaseAsync()};Maximum Pool Size=16;Connection Idle Lifetime=5;Connection Pruning Interval=1";
        await OrleansTables.CreateAsync(database);
        return new Ground { Database = database };
    }
}
