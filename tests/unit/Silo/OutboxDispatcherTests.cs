using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Outbox;
using JitGrains.Principals;
using JitGrains.Runtime;
using JitGrains.Runtime.Engine;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.UnitTests.Silo;

public class OutboxDispatcherTests
{
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
        Assert.Null(await host.Services.GetRequiredService<IReadModel>().GetGrantAsync(Sample.Grant().Id));
        Assert.Null(await host.Services.GetRequiredService<IReadModel>().GetRequestAsync(Sample.Ask().RequestId));
    }
}
