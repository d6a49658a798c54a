using System.Net;
using JitGrains.Audit;
using JitGrains.Gateway.Journal;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Network;
using JitGrains.Secrets;

namespace JitGrains.GatewayTests.Journal;

/// <summary>A call's entry is the same, byte for byte, whether it is put together first or written at once.</summary>
public sealed class CallFactsTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, 123, TimeSpan.Zero);

    [Fact]
    public void An_entry_is_what_its_draft_says()
    {
        var random = new Random(3);
        var sealer = new AuditSealer(new SecretKey(new byte[32]));
        var run = sealer.Begin("gateway/gw_1", ChainHead.Empty);
        var head = ChainHead.Empty;
        var expected = new List<string>();
        for (var i = 0; i < 500; i++)
        {
            var caller = new Caller
            {
                Principal = Id("user:alice"),
                Actors = [.. Enumerable.Range(0, random.Next(3)).Select(n => Id($"agent:bot-{n}"))],
                Excluded = [.. Enumerable.Range(0, random.Next(3)).Select(n => Id($"user:carol-{n}"))],
                Only = random.Next(3) == 0 ? new OnlyRight("orders.read", null, null, Maybe("xt_1")) : null,
                TokenIssuedAt = Now,
                TokenExpiresAt = Now,
            };
            var facts = new CallFacts(caller, "v1", "GET", Maybe("orders"), Maybe("orders.read"), Maybe("order=\"4\u00e9\""), Maybe("rule"), Maybe("rq_1"), Maybe("gr_1"),
                random.Next(2) == 0 ? default : new CallOrigin(IPAddress.Parse("198.51.100.7"), random.Next(2) == 0 ? default : CountryCode.TryParse("NL", out var country) ? country : throw new InvalidOperationException()));
            var outcome = random.Next(4) == 0 ? null : new ExecutionOutcome(
                (ExecutionStatus)random.Next(4), random.Next(2) == 0 ? null : 200, Maybe("upstream-timeout"), Now, Now.AddTicks(random.Next()), random.Next(), random.NextInt64());
            var more = random.Next(3) == 0 ? new AuditField("would", "deny") : null;
            var type = random.Next(2) == 0 ? AuditTypes.CallForwarded : AuditTypes.CallStarted;
            var entry = sealer.Seal("gateway/gw_1", head, Now, facts.Draft(type, Now, outcome, more));
            head = new ChainHead(entry.Sequence, entry.Hash);
            expected.Add(entry.Body);
            facts.AddTo(run, Now, type, Now, outcome, more);
        }

        Assert.Equal(expected, run.Select(e => e.Body));
        Assert.Equal(head, run.Head);

        static PrincipalId Id(string text) => PrincipalId.TryParse(text, "main", out var id, out var problem) ? id : throw new InvalidOperationException(problem);

        string? Maybe(string value) => random.Next(2) == 0 ? null : value;
    }
}
