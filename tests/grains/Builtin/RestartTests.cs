using System.Security.Cryptography;
using JitGrains.Approvals;
using JitGrains.Grants;

namespace JitGrains.GrainTests;

/// <summary>What a process that stopped leaves to the next.</summary>
public sealed class RestartTests
{
    [Fact]
    public async Task After_a_restart_everything_is_as_acknowledged()
    {
        var folder = Directory.CreateTempSubdirectory("jitgrains-test-").FullName;
        var time = new ManualTime(Sample.Start);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Grant used, many;
        await using (var host = await GrainHost.StartInAsync(folder, time, key))
        {
            used = await host.GrantAsync(Sample.Ask(1));
            await host.ConsumeAsync(used, "ex_1");
            many = await host.GrantAsync(Sample.Ask(2, resource: "order=43", uses: null));
            await host.AskAsync(Sample.Ask(3, Sample.Terms(Sample.Stage(2)), "order=44"));
            await host.VoteAsync(Sample.RequestId(3), Sample.Bob, VoteDecision.Approve);
        }

        await using (var host = await GrainHost.StartInAsync(folder, time, key))
        {
            Assert.Equal("ex_1", Assert.Single(await host.ReadModel.ListOpenExecutionsAsync("gw_2")).Id);
            Assert.Equal("ex_1", Assert.IsType<Refusal.AlreadyUsed>((await host.ConsumeAsync(used, "ex_2")).Refusal).LastExecution!.Id);
            Assert.Equal(many.Id, Assert.Single((await host.Principal(Sample.Alice.Value).GetView()).Grants).Grant.Id);
            // The open ask is re-joined, and one more vote completes the quorum that began before.
            Assert.Equal(Sample.RequestId(3), await host.AskAsync(Sample.Ask(4, Sample.Terms(Sample.Stage(2)), "order=44")));
            await host.VoteAsync(Sample.RequestId(3), Sample.Carol, VoteDecision.Approve);
            await host.SettleAsync();
            Assert.Equal(2, (await host.Principal(Sample.Alice.Value).GetView()).Grants.Length);
            await host.VerifiedAuditAsync();
        }

        Directory.Delete(folder, recursive: true);
    }
}
