using JitGrains.Grants;
using JitGrains.Runtime.Engine;
using JitGrains.Silo;
using JitGrains.Silo.Secrets;
using JitGrains.TestSupport;

namespace JitGrains.UnitTests.Silo;

/// <summary>Keys that a cluster's processes share, in memory and in PostgreSQL.</summary>
public sealed class ClusterKeysTests
{
    public static TheoryData<string> Stores { get; } = ["memory", "postgres"];

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Silos_that_start_at_once_share_the_keys_that_one_of_them_made(string kind)
    {
        var store = await OpenAsync(kind);
        var rings = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => ClusterKeys.ForSiloAsync(store, null))));
        var gateway = await ClusterKeys.ForGatewayAsync(store, TimeProvider.System);
        Assert.All(rings, ring =>
        {
            Assert.Equal(rings[0].PayloadBinding, ring.PayloadBinding);
            Assert.Equal(rings[0].ReviewDigest, ring.ReviewDigest);
            Assert.Equal(ring.PayloadBinding, gateway.PayloadBinding);
            Assert.Equal(ring.AuditPersonal, gateway.AuditPersonal);
            Assert.True(gateway.Grants.Verify(new GrantSigner(ring.GrantSigning).Sign(Sample.Grant())));
            ring.Dispose();
        });
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Keys_of_a_folder_stay_out_of_the_database(string kind)
    {
        using var temp = new TempFolder();
        using var ring = KeyRing.Open(DataFolder.Open(temp.Data));
        var store = await OpenAsync(kind);
        await ClusterKeys.ForSiloAsync(store, ring);
        Assert.Equal(["audit-personal", "grant-public", "payload-binding"], (await store.ReadAsync()).Keys.Order(StringComparer.Ordinal));
        Assert.True((await ClusterKeys.ForGatewayAsync(store, TimeProvider.System)).Grants.Verify(new GrantSigner(ring.GrantSigning).Sign(Sample.Grant())));

        // A silo without the folder, or with another one, is not of this cluster.
        await Assert.ThrowsAsync<StartupException>(() => ClusterKeys.ForSiloAsync(store, null));
        using var other = KeyRing.Make();
        await Assert.ThrowsAsync<StartupException>(() => ClusterKeys.ForSiloAsync(store, other));
    }

    [Fact]
    public async Task A_gateways_login_sees_no_key_that_could_make_a_grant()
    {
        var server = await PostgresServer.SharedAsync();
        var database = await server.CreateDatabaseAsync();
        using var ring = await ClusterKeys.ForSiloAsync(KeyStores.InDatabase(o => o.Database = database), null);
        var login = await server.CreateLoginAsync(database, "jitgrains_gateway");
        var seen = await KeyStores.InDatabase(o => o.Database = login).ReadAsync();
        Assert.Equal(["audit-personal", "grant-public", "payload-binding"], seen.Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_key_is_never_printed() => Assert.Equal("master [redacted]", new SharedKey("master", false, [1, 2, 3]).ToString());

    private static async Task<IKeyStore> OpenAsync(string kind)
    {
        if (kind == "memory")
            return KeyStores.InMemory();
        var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        return KeyStores.InDatabase(o => o.Database = database);
    }
}
