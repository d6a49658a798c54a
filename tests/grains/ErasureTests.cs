using JitGrains.Audit;
using JitGrains.Erasures;
using JitGrains.Secrets;

namespace JitGrains.GrainTests;

/// <summary>Erasing what digests of the audit trail stand for, on every engine and store.</summary>
public sealed class ErasureTests
{
    public static TheoryData<string> Stores => GrainTests.Stores.All;

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task What_is_erased_is_recorded_and_stays_away_until_its_person_acts(string store)
    {
        await using var host = await GrainHost.StartAsync(store);
        var alice = new AuditSealer(new SecretKey(new byte[32])).PersonalDigest(Sample.Alice.Value);
        var grant = await host.GrantAsync(Sample.Ask());
        Assert.NotEmpty(await host.Audit.ResolveAsync([alice]));

        host.Time.Advance(TimeSpan.FromSeconds(1));
        var erasures = host.Grain<IErasuresGrain>(IErasuresGrain.Key);
        var command = new EraseCommand("erase 1", [alice], Sample.Bob, "asked to be forgotten");
        var erased = (await erasures.Erase(command)).Value!;
        await host.SettleAsync();
        Assert.Empty(await host.Audit.ResolveAsync([alice]));
        Assert.Equal(erased, (await erasures.Erase(command)).Value);

        // Something is done about alice, and then alice does something.
        host.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.NotNull((await host.Principal(grant.CallerKey).Revoke(new JitGrains.Principals.RevokeCommand("revoke 1", grant.Id, Sample.Bob, "enough"))).Value);
        await host.SettleAsync();
        Assert.Empty(await host.Audit.ResolveAsync([alice]));
        await host.AskAsync(Sample.Ask() with { RequestId = "rq_later", RejoinKey = "another" });
        await host.SettleAsync();
        Assert.Equal(Sample.Alice.Value, (await host.Audit.ResolveAsync([alice]))[alice]);

        var trail = await host.VerifiedAuditAsync();
        var record = Assert.Single(trail, e => e.Body.Contains(AuditTypes.ValueErased, StringComparison.Ordinal));
        Assert.Contains($"\"erased\":\"{alice}\"", record.Body, StringComparison.Ordinal);
        Assert.DoesNotContain(trail, e => e.Body.Contains(Sample.Alice.Value, StringComparison.Ordinal));
    }
}
