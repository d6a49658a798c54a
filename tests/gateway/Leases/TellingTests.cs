using JitGrains.GatewayTests.Support;
using JitGrains.Gateways;
using JitGrains.Runtime.Engine;
using JitGrains.Secrets;
using JitGrains.Silo.Revocation;
using JitGrains.TestSupport;

namespace JitGrains.GatewayTests.Leases;

/// <summary>The bus' part in a revocation: what it loses is made up for, and what strangers say by it counts for nothing.</summary>
public sealed class TellingTests
{
    private static readonly RevocationOrder Order = new(Sample.Dave, null);

    [Theory]
    [InlineData(BusTopics.Told)]
    [InlineData(BusTopics.Acknowledged)]
    public async Task What_the_bus_loses_is_found_in_the_mail(string lost)
    {
        await using var cluster = new LeaseCluster(lost: lost);
        LeaseNode[] nodes = [await cluster.Join(), await cluster.Join()];
        for (var round = 0; round < 3; round++)
        {
            var grant = await cluster.Grant();
            foreach (var node in nodes)
                Assert.NotNull(await node.Run(grant));
            var result = (await cluster.Revocation.RevokeGrantAsync(grant.Id, Order, CancellationToken.None)).Value!;
            foreach (var node in nodes)
                Assert.Null(await node.Run(grant));
            Assert.Equal((2, 0), (result.GatewaysAcknowledged, result.GatewaysCondemned));
        }
    }

    [Fact]
    public async Task Who_does_not_have_the_keys_can_neither_acknowledge_for_a_gateway_nor_tell_it_anything()
    {
        var time = new ManualTime();
        await using var cluster = new LeaseCluster(time);
        var silent = await cluster.JoinSilently();
        var node = await cluster.Join();
        var grant = await cluster.Grant();
        var others = new MailBell(cluster.Bus, new MailSeal(new SecretKey([.. Enumerable.Repeat((byte)1, 32)])));
        Assert.True(others.Tell("m", new Invalidation.Grants(grant.CallerKey, [grant.Id], 1)));
        var snapshot = await node.Views.Get(ExecutionTests.Alice);
        Assert.True(others.Tell("m", new Invalidation.Grants(grant.CallerKey, [grant.Id], 1)));
        cluster.Bus.Publish(new BusMessage(BusTopics.Told, "m", """{"answer_to":"","what":{"kind":"everything"}}"""));
        Assert.True(snapshot.IsCurrent);

        var heard = "";
        using var listening = cluster.Bus.Subscribe(BusTopics.Told, m => heard = m.Key);
        var revokes = cluster.Revocation.RevokeGrantAsync(grant.Id, Order, CancellationToken.None);
        await Eventually.Holds(() => heard != "");
        others.Acknowledge(silent, [heard]);
        cluster.Bus.Publish(new BusMessage(BusTopics.Acknowledged, silent, heard));
        Assert.False(snapshot.IsCurrent);
        await Eventually.Get(async () =>
        {
            time.Advance(TimeSpan.FromMilliseconds(50));
            return (await cluster.Gateway(silent).Get()).Phase == LeasePhase.Condemned ? "" : null;
        });
        Assert.False(revokes.IsCompleted);
        while (!revokes.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await cluster.Directory.List();
        }

        Assert.Equal((1, 1), ((await revokes).Value!.GatewaysAcknowledged, (await revokes).Value!.GatewaysCondemned));
    }
}
