using System.Security.Cryptography;
using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Principals;
using Npgsql;

namespace JitGrains.GrainTests;

/// <summary>A silo and a gateway as two processes would be: one database, a login each, and nothing else between them.</summary>
public sealed class ProcessTests
{
    private const int Rounds = 20;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task What_a_gateway_asks_for_a_silo_decides_and_the_gateway_is_woken()
    {
        var server = await PostgresServer.SharedAsync();
        var database = await server.CreateDatabaseAsync();
        // Time stands still, so nobody looks by himself: whoever is woken was told.
        var time = new ManualTime(Sample.Start);
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await using var silo = await GrainHost.StartOnAsync(database, time, key);
        await using var gateway = await GrainHost.StartOnAsync(
            await server.CreateLoginAsync(database, "jitgrains_gateway"), time, key, o => (o.RunsOutbox, o.RunsReminders) = (false, false));
        await Task.WhenAll(silo.ListeningAsync(), gateway.ListeningAsync()).WaitAsync(Patience);

        for (var n = 1; n <= Rounds; n++)
        {
            var ask = Sample.Ask(n, resource: $"order={n}");
            using var held = gateway.Decisions.Subscribe(ask.RequestId);
            await gateway.AskAsync(ask);
            while (await gateway.ReadModel.GetRequestAsync(ask.RequestId) is null)
                await Task.Yield();
            Assert.False(held.Ended.IsCompleted);

            Assert.NotNull((await silo.VoteAsync(ask.RequestId, Sample.Bob, VoteDecision.Approve)).Value);
            await held.Ended.WaitAsync(Patience);
            Assert.Equal(RequestStatus.Approved, (await gateway.ReadModel.GetRequestAsync(ask.RequestId))!.Status);
            var grant = (await gateway.Principal(ask.CallerKey).GetView()).Grants.Single(g => g.Grant.RequestId == ask.RequestId).Grant;
            var uses = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => Task.Run(() => (i % 2 == 0 ? gateway : silo).ConsumeAsync(grant, $"ex_{n}_{i}"))));
            var used = Assert.Single(uses, u => u.Value is not null).Value!;
            await gateway.Principal(ask.CallerKey).RecordOutcome(new OutcomeCommand(
                used.Id, new ExecutionOutcome(ExecutionStatus.Completed, 200, null, used.StartedAt, used.StartedAt, 0, 0)));
        }

        await silo.SettleAsync();
        while (await silo.CountAuditAsync(AuditTypes.ChainOpened) < Rounds + 1)
            await Task.Yield();
        var audit = await silo.VerifiedAuditAsync();
        foreach (var type in (string[])[AuditTypes.GrantConsumed, AuditTypes.ExecutionOutcome, AuditTypes.RequestApproved])
            Assert.Equal(Rounds, audit.Count(e => e.Body.Contains($"\"{type}\"", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_grant_is_its_holders_from_the_commit_on_that_approves_it()
    {
        var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        await using var host = await GrainHost.StartOnAsync(database, new ManualTime(Sample.Start), ECDsa.Create(ECCurve.NamedCurves.nistP256));
        var ask = Sample.Ask();
        await host.AskAsync(ask);
        await host.SettleAsync();
        // A grant as a message could not be written.
        await using var source = NpgsqlDataSource.Create(database);
        await using (var command = source.CreateCommand("ALTER TABLE outbox ADD CONSTRAINT no_grants CHECK (kind <> 'issue_grant')"))
            await command.ExecuteNonQueryAsync();
        Assert.NotNull((await host.VoteAsync(ask.RequestId, Sample.Bob, VoteDecision.Approve)).Value);
        Assert.Single((await host.Principal(ask.CallerKey).GetView()).Grants);
        await host.SettleAsync();
        Assert.Equal(RequestStatus.Approved, (await host.ReadModel.GetRequestAsync(ask.RequestId))!.Status);
    }

    [Fact]
    public async Task Two_silos_and_one_approval_each_make_one_decision()
    {
        var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        var time = new ManualTime(Sample.Start);
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await using var first = await GrainHost.StartOnAsync(database, time, key);
        await using var second = await GrainHost.StartOnAsync(database, time, key);
        for (var n = 1; n <= Rounds; n++)
        {
            var ask = Sample.Ask(n, resource: $"order={n}");
            await first.AskAsync(ask);
            var replies = await Task.WhenAll(
                Task.Run(() => first.VoteAsync(ask.RequestId, Sample.Bob, VoteDecision.Approve)),
                Task.Run(() => second.VoteAsync(ask.RequestId, Sample.Carol, VoteDecision.Deny)));
            Assert.Single(replies, r => r.Refusal is Refusal.AlreadyDecided);
        }

        await first.SettleAsync();
        await second.SettleAsync();
        for (var n = 1; n <= Rounds; n++)
        {
            var status = (await second.ReadModel.GetRequestAsync(Sample.RequestId(n)))!.Status;
            Assert.Contains(status, new[] { RequestStatus.Approved, RequestStatus.Denied });
            Assert.Equal(status == RequestStatus.Approved, await first.ReadModel.GetGrantByRequestAsync(Sample.RequestId(n)) is not null);
        }
    }
}
