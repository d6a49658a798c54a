using System.Collections.Immutable;
using JitGrains.Identity;
using JitGrains.PolicyVersions;

namespace JitGrains.Runtime.Engine;

internal sealed partial class SqliteStore : IPolicyStore
{
    public Task<PolicyHead?> GetPolicyHeadAsync(CancellationToken cancellationToken = default) =>
        readers.ReadAsync(
            db => db.One("SELECT sequence, version FROM policies ORDER BY sequence DESC LIMIT 1", r => new PolicyHead(r.GetInt64(0), r.GetString(1))),
            cancellationToken);

    public Task<StoredPolicy?> GetPolicyAsync(long sequence, CancellationToken cancellationToken = default) =>
        readers.ReadAsync(
            db => db.One(
                "SELECT sequence, version, files, applied_by, applied_at, reason FROM policies WHERE sequence = $1",
                r => new StoredPolicy(
                    r.GetInt64(0),
                    r.GetString(1),
                    StoreJson.Parse<ImmutableArray<PolicyText>>(r.GetString(2)),
                    r.IsDBNull(3) ? null : new PrincipalId(r.GetString(3)),
                    ReadTime(r, 4),
                    r.IsDBNull(5) ? null : r.GetString(5)),
                sequence),
            cancellationToken);
}
