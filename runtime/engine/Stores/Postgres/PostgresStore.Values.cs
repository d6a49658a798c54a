using JitGrains.Audit;
using Npgsql;

namespace JitGrains.Runtime.Engine;

internal sealed partial class PostgresStore : IPersonalValues
{
    /// <summary>Values looked at by one statement, so that none takes long.</summary>
    private const long ValuesPage = 20_000;

    public async Task<IReadOnlyList<string>> FindAsync(string person, CancellationToken cancellationToken = default)
    {
        var found = new List<string>();
        string? after = "";
        while (after is not null)
        {
            var (last, digests) = await OneAsync(
                """
                WITH page AS (SELECT digest, value FROM audit_values WHERE digest > $1 ORDER BY digest LIMIT $3)
                SELECT max(digest), array_agg(digest ORDER BY digest) FILTER (WHERE strpos($4 || value || $4, $4 || $2 || $4) > 0) FROM page
                """,
                r => (r.IsDBNull(0) ? null : r.GetString(0), r.IsDBNull(1) ? [] : r.GetFieldValue<string[]>(1)),
                cancellationToken,
                after, person, ValuesPage, PersonalValue.Separator);
            found.AddRange(digests);
            after = last;
        }

        return found;
    }

    public async Task EraseAsync(IReadOnlyCollection<string> digests, DateTimeOffset at, CancellationToken cancellationToken = default)
    {
        await opening.OpenAsync(cancellationToken);
        var these = digests.Distinct(StringComparer.Ordinal).ToArray();
        await connections.UseAsync(
            async connection =>
            {
                await using var batch = new NpgsqlBatch(connection);
                AddBegin(batch);
                // Whoever is adding values has looked what was erased before this is; that one is waited for, and its value goes too.
                batch.BatchCommands.Add(new NpgsqlBatchCommand("LOCK TABLE audit_values IN SHARE ROW EXCLUSIVE MODE"));
                batch.BatchCommands.Add(PostgresConnections.Statement(
                    """
                    DELETE FROM audit_values v WHERE v.digest = ANY($1)
                        AND (v.acted_at <= $2 OR NOT EXISTS (SELECT 1 FROM audit_erased e WHERE e.digest = v.digest AND e.at >= $2))
                    """,
                    these, at.UtcTicks));
                batch.BatchCommands.Add(PostgresConnections.Statement(
                    """
                    INSERT INTO audit_erased AS e (digest, at) SELECT d, $2 FROM unnest($1::text[]) AS d
                    ON CONFLICT (digest) DO UPDATE SET at = greatest(e.at, excluded.at)
                    """,
                    these, at.UtcTicks));
                batch.BatchCommands.Add(new NpgsqlBatchCommand("COMMIT"));
                return await batch.ExecuteNonQueryAsync(cancellationToken);
            },
            again: false,
            cancellationToken);
        foreach (var digest in these)
            Forget(digest, at);
    }

    public void Forget(string digest, DateTimeOffset at) => known.Forget(digest, at.UtcTicks);

    public void ForgetAll() => known.Clear();
}
