using JitGrains.TestSupport;
using Npgsql;

namespace JitGrains.ClusterTests.Running;

/// <summary>Where a cluster on Orleans keeps membership, grains and reminders: Orleans' own tables, in the cluster's database.</summary>
/// <param name="Owner">How silos connect: they own these tables, and nothing else.</param>
/// <param name="Reader">How gateways do, which read membership only.</param>
internal sealed record OrleansDatabase(string Owner, string Reader)
{
    private const string Schema = "orleans";

    /// <summary>Whether the processes are built for Orleans.</summary>
    public static bool IsEngine { get; } = File.Exists(Path.Combine(Path.GetDirectoryName(GatewayProgram.Path)!, "Orleans.Runtime.dll"));

    public static async Task<OrleansDatabase> Create(PostgresServer postgres, string database)
    {
        // A schema of their own: what the owner of JitGrains' tables grants and revokes in his must not meet them.
        var (owner, reader) = (await Login(), await Login());
        await using var connection = new NpgsqlConnection(postgres.AsAdmin(database));
        await connection.OpenAsync();
        await Execute($"CREATE SCHEMA {Schema} AUTHORIZATION {owner.Username}");
        await OrleansScripts.ApplyAsync(owner.ToString());
        await Execute($"GRANT USAGE ON SCHEMA {Schema} TO {reader.Username}; GRANT SELECT ON {Schema}.OrleansQuery, {Schema}.OrleansMembershipTable TO {reader.Username}");
        return new OrleansDatabase(owner.ToString(), reader.ToString());

        async Task<NpgsqlConnectionStringBuilder> Login() => new(await postgres.CreateLoginAsync(database)) { SearchPath = Schema, MaxPoolSize = 32 };

        async Task Execute(string statement)
        {
#pragma warning disable CA2100 // The tests' own texts.
            await using var command = new NpgsqlCommand(statement, connection);
#pragma warning restore CA2100
            await command.ExecuteNonQueryAsync();
        }
    }
}
