using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Leases;
using JitGrains.Gateways;
using JitGrains.GatewayTests.Support;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Outbox;
using JitGrains.Runtime.Engine;
using JitGrains.Secrets;
using JitGrains.Silo.Revocation;
using JitGrains.TestSupport;
using JitGrains.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace JitGrains.GatewayTests.Leases;

/// <summary>What is told along with a commit, who has answered, and what applying it costs where nobody has to be waited for.</summary>
public sealed class CommitTellingTests
{
    private static readonly RevocationOrder Order = new(Sample.Dave, null);

    [Fact]
    public async Task Gateways_are_told_once_of_what_is_durable_already_and_before_the_turn_answers()
    {
        await using var cluster = new LeaseCluster();
        var node = await cluster.Join();
        var grant = await cluster.Grant();
        var told = new List<Task<GrantView?>>();
        using var listening = cluster.Bus.Subscribe(BusTopics.Told, _ => told.Add(cluster.ReadModel.GetGrantAsync(grant.Id, CancellationToken.None)));
        Assert.NotNull(await node.Run(grant));
        var result = (await cluster.Revocation.RevokeGrantAsync(grant.Id, Order, CancellationToken.None)).Value!;
        Assert.Null(await node.Run(grant));
        Assert.Equal((1, 0), (result.GatewaysAcknowledged, result.GatewaysCondemned));
        Assert.Equal(GrantStatus.Revoked, (await Assert.Single(told))!.Status);

        // It has ended: nothing is committed, and gateways are told all the same.
        result = (await cluster.Revocation.RevokeGrantAsync(grant.Id, Order, CancellationToken.None)).Value!;
        Assert.Equal((1, 0), (result.GatewaysAcknowledged, result.GatewaysCondemned));
        Assert.Equal(2, told.Count);
    }

    [Fact]
    public async Task Only_what_somebody_ends_here_and_waits_for_is_told_with_its_commit()
    {
        await using var cluster = new LeaseCluster();
        using var bell = new MailBell(cluster.Bus, new MailSeal(new SecretKey(new byte[32])));
        var telling = new CommitTelling(bell, new RandomIdGenerator(), cluster.Epoch);
        using (var along = telling.Expect("g_1", terminate: true))
        {
            Assert.Empty(telling.Of([Ended("g_1", GrantStatus.Expired), Ended("g_1", GrantStatus.Active), Ended("g_2", GrantStatus.Revoked)]));
            var message = Assert.Single(telling.Of([Ended("g_1", GrantStatus.Revoked)]));
            Assert.Equal((BusTopics.Told, along.Mail), (message.Topic, message.Key));
            using (var second = telling.Expect("g_1", terminate: false))
                Assert.Null(second.Told());
            // The second did not take the place of the first.
            Assert.Single(telling.Of([Ended("g_1", GrantStatus.Revoked)]));
            Assert.Equal(along.Mail, along.Told());
            Assert.Empty(telling.Of([Ended("g_1", GrantStatus.Revoked)]));
        }

        using var untold = telling.Expect("g_1", terminate: false);
        Assert.Null(untold.Told());
    }

    [Fact]
    public async Task Who_waits_for_all_is_woken_by_the_last_also_where_some_had_answered_before()
    {
        var heard = new Acknowledgements();
        heard.Hear("a");
        Assert.True(heard.All([]).IsCompleted && heard.All(["a"]).IsCompleted);
        var all = heard.All(["a", "b", "c"]);
        heard.Hear("b");
        heard.Hear("b");
        heard.Hear("x");
        Assert.False(all.IsCompleted || heard.Has("c"));
        heard.Hear("c");
        await all.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.True(heard.Has("c"));
    }

    [Fact]
    public async Task What_is_applied_at_once_needs_no_timer_and_what_is_not_has_its_limit()
    {
        var time = new ManualTime();
        var part = new Part();
        var mail = new LeaseMail(null!, null!, [part], new GatewayOptions(), new LeaseTime(time), NullLogger<LeaseMail>.Instance);
        var within = TimeSpan.FromMilliseconds(250);
        var atOnce = mail.Apply([new Invalidation.Everything()], within, CancellationToken.None);
        Assert.True(atOnce.IsCompleted && await atOnce);

        part.Until = new TaskCompletionSource();
        var applying = mail.Apply([new Invalidation.Everything(), new Invalidation.Everything()], within, CancellationToken.None);
        time.Advance(within - TimeSpan.FromMilliseconds(1));
        Assert.False(applying.IsCompleted);
        time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.False(await applying.WaitAsync(TimeSpan.FromSeconds(30)));
    }

    private static OutboxMessage.ShowGrant Ended(string id, GrantStatus status)
    {
        var grant = Sample.Grant(1);
        return new OutboxMessage.ShowGrant(new()
        {
            Id = id,
            Status = status,
            RequestId = grant.RequestId,
            Principal = grant.Principal,
            Api = grant.Api,
            Action = grant.Action,
            Binding = grant.Binding,
            NotBefore = grant.NotBefore,
            ExpiresAt = grant.ExpiresAt,
            Rule = grant.Rule,
            CallerKey = grant.CallerKey,
        });
    }

    private sealed class Part : IInvalidationTarget
    {
        public TaskCompletionSource? Until { get; set; }

        public ValueTask ApplyAsync(Invalidation what, CancellationToken cancellationToken) => Until is null ? default : new(Until.Task);
    }
}
