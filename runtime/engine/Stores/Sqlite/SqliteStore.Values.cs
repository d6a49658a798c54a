using System.Text.Json;
using JitGrains.Audit;

namespace JitGrains.Runtime.Engine;

internal sealed partial class SqliteStore : IPersonalValues
{
    public async Task<IReadOnlyList<string>> FindAsync(string person, CancellationToken cancellationToken = default) =>
        await readers.ReadAsync(
            db => db.All(
                "SELECT digest FROM audit_values WHERE instr($2 || value || $2, $2 || $1 || $2) > 0 ORDER BY digest", r => r.GetString(0), person, PersonalValue.Separator),
            cancellationToken);

    public async Task EraseAsync(IReadOnlyCollection<string> digests, DateTimeOffset at, CancellationToken cancellationToken = default)
    {
        await writer.WriteAsync(
            db =>
            {
                var these = JsonSerializer.Serialize(digests);
                db.Execute(
                    """
                    DELETE FROM audit_values WHERE digest IN (SELECT value FROM json_each($1))
                        AND (acted_at <= $2 OR NOT EXISTS (SELECT 1 FROM audit_erased e WHERE e.digest = audit_values.digest AND e.at >= $2))
                    """,
                    these, at.UtcTicks);
                return db.Execute(
                    "INSERT INTO audit_erased (digest, at) SELECT value, $2 FROM json_each($1) WHERE true ON CONFLICT (digest) DO UPDATE SET at = max(at, excluded.at)",
                    these, at.UtcTicks);
            },
            cancellationToken);
        foreach (var digest in digests)
            Forget(digest, at);
    }

    public void Forget(string digest, DateTimeOffset at) => knownValues.Forget(digest, at.UtcTicks);

    public void ForgetAll() => knownValues.Clear();
}
