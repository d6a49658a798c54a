using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Outbox;
using JitGrains.Principals;
using JitGrains.Runtime;
using JitGrains.Runtime.Engine;
using JitGrains.Secrets;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace JitGrains.UnitTests.Silo;

public class OutboxDispatcherTests
{
    [Fact]
    public async Task A_grant_is_of_the_epoch_it_was_approved_in_whenever_it_is_delivered()
    {
        var epoch = new Epoch();
        var sent = new Sent();
        var services = new ServiceCollection().AddLogging().AddMetrics().AddSingleton<TimeProvider>(new ManualTime(Sample.Start));
        services.AddSingleton(new AuditSealer(new SecretKey(new byte[32]))).AddSingleton(new ReviewDigestKey(new SecretKey(new byte[32]))).AddSingleton<IOutboxHandler>(sent);
        services.AddGrainEngine(o =>
        {
            o.UseMemory = true;
            o.AddGrain<ApprovalRequestGrain>();
        });
        services.AddSingleton<IStoreEpoch>(epoch);
        await using var engine = services.BuildServiceProvider();
        var request = engine.GetRequiredService<IGrainFactory>().GetGrain<IApprovalRequestGrain>(Sample.Ask().RequestId);
        var raised = (await request.Raise(Sample.Ask())).Value!;
        await request.Vote(Sample.Vote(Sample.Bob, VoteDecision.Approve, raised.Digest));

        // Nothing was delivered yet when the store was set back.
        epoch.Current = "2";
        foreach (var service in engine.GetServices<IHostedService>())
            await service.StartAsync(CancellationToken.None);
        var grant = (await sent.Grant.Task.WaitAsync(TimeSpan.FromMinutes(2))).Grant;
        Assert.Equal("1", grant.Epoch);
        foreach (var service in engine.GetServices<IHostedService>())
            await service.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task What_is_signed_on_the_way_keeps_its_epoch()
    {
        await using var host = await SiloHost.StartAsync();
        var grant = Sample.Grant() with { Epoch = "earlier", NotBefore = host.Time.GetUtcNow(), ExpiresAt = host.Time.GetUtcNow().AddHours(1) };
        await host.Services.GetRequiredService<IOutboxHandler>().HandleAsync(new GrainId("request", grant.RequestId), new OutboxRecord(1, new OutboxMessage.IssueGrant(grant)), CancellationToken.None);
        var stored = Assert.Single((await host.Services.GetRequiredService<IGrainFactory>().GetGrain<IPrincipalGrain>(grant.CallerKey).GetView()).Grants).Grant;
        Assert.Equal("earlier", stored.Epoch);
        Assert.True(host.Services.GetRequiredService<GrantVerifier>().Verify(stored));
    }

    private sealed class Epoch : IStoreEpoch
    {
        public event EventHandler? Changed
        {
            add { }
            remove { }
        }

        public string Current { get; set; } = "1";
    }

    private sealed class Sent : IOutboxHandler
    {
        public TaskCompletionSource<OutboxMessage.IssueGrant> Grant { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task HandleAsync(GrainId source, OutboxRecord record, CancellationToken cancellationToken)
        {
            if (record.Message is OutboxMessage.IssueGrant issue)
                Grant.TrySetResult(issue);
            return Task.CompletedTask;
        }
    }

    public static TheoryData<string, OutboxMessage> Forged => new()
    {
        // A gateway can write the messages of principals. None of these gets it a grant, or another's request.
        { "principal", new OutboxMessage.IssueGrant(Sample.Grant()) },
        { "principal", new OutboxMessage.CloseRequest("dev:user:alice", new RequestClosed(Sample.RequestId(1), RequestStatus.Denied, "orders.refund", "order=42", null)) },
        { "principal", new OutboxMessage.RaiseRequest(Sample.Ask()) },
        { "gateway", new OutboxMessage.ConfirmGrant(Sample.RequestId(1), "gr_1") },
        { "gateway", new OutboxMessage.CancelRequest(Sample.RequestId(1), Sample.Alice) },
        { "request", new OutboxMessage.IssueGrant(Sample.Grant()) },
    };

    [Theory]
    [MemberData(nameof(Forged))]
    public async Task A_message_is_taken_only_from_the_kind_of_grain_that_sends_it(string sender, OutboxMessage message)
    {
        await using var host = await SiloHost.StartAsync();
        var handler = host.Services.GetRequiredService<IOutboxHandler>();
        await Assert.ThrowsAsync<InvalidOperationException>(() => handler.HandleAsync(new GrainId(sender, "dev:user:mallory"), new OutboxRecord(1, message), CancellationToken.None));
        Assert.Null(handler.TakerOf(new GrainId(sender, "dev:user:mallory"), message));
        Assert.Null(await host.Services.GetRequiredService<IReadModel>().GetGrantAsync(Sample.Grant().Id));
        Assert.Null(await host.Services.GetRequiredService<IReadModel>().GetRequestAsync(Sample.Ask().RequestId));
    }
}
