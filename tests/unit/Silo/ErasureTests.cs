using JitGrains.Audit;
using JitGrains.Erasures;
using JitGrains.Identity;
using JitGrains.Outbox;
using JitGrains.Runtime.Engine;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.UnitTests.Silo;

/// <summary>Personal values erased through the control plane.</summary>
public sealed class ErasureTests
{
    private static readonly DateTimeOffset Now = Sample.Start;

    [Fact]
    public async Task A_persons_name_goes_and_chains_and_digests_stay_with_who_took_it_away_and_why()
    {
        await using var host = await SiloHost.StartAsync();
        await host.Raise(Sample.Ask());
        var digest = host.Services.GetRequiredService<AuditSealer>().PersonalDigest("dev:user:alice");

        var erased = await host.As("olga", "POST", "/api/v1/audit/erase", """{"principal":"dev:user:alice","reason":"asked to be forgotten"}""");
        Assert.Equal(200, erased.Status);
        Assert.Equal([digest], erased.Json!["digests"]!.AsArray().Select(d => d!.GetValue<string>()));

        // Whoever knows the name still finds the entries; they hold it no more.
        var entries = (await host.As("dave", "GET", "/api/v1/audit?principal=dev:user:alice")).Json!["items"]!.AsArray();
        Assert.DoesNotContain("dev:user:alice", entries.ToJsonString(), StringComparison.Ordinal);
        Assert.Contains(entries, e => e!["type"]!.GetValue<string>() == "request.raised" && e["data"]!["principal"]!.GetValue<string>() == digest);
        var record = Assert.Single(entries, e => e!["type"]!.GetValue<string>() == "value.erased")!;
        Assert.Equal(digest, record["data"]!["erased"]!.GetValue<string>());
        Assert.Equal("dev:user:olga", record["personal"]![record["data"]!["by"]!.GetValue<string>()]!.GetValue<string>());
        Assert.Equal("asked to be forgotten", record["personal"]![record["data"]!["reason"]!.GetValue<string>()]!.GetValue<string>());
        Assert.True((await host.As("dave", "GET", "/api/v1/audit/verify")).Json!["valid"]!.GetValue<bool>());

        // There is nothing left to erase, until the person acts.
        Assert.Equal(404, (await host.As("olga", "POST", "/api/v1/audit/erase", """{"principal":"dev:user:alice","reason":"r"}""")).Status);
        host.Time.Advance(TimeSpan.FromSeconds(1));
        await host.Raise(Sample.Ask() with { RequestId = "rq_2", RejoinKey = "other" });
        Assert.Contains("dev:user:alice", (await host.As("dave", "GET", "/api/v1/audit?type=request.raised")).Text, StringComparison.Ordinal);
        Assert.Equal(200, (await host.As("olga", "POST", "/api/v1/audit/erase", """{"principal":"dev:user:alice","reason":"r"}""")).Status);
    }

    [Fact]
    public async Task Any_personal_value_goes_by_its_digest()
    {
        await using var host = await SiloHost.StartAsync();
        await host.Raise(Sample.Ask() with { Reason = "for Zoe Zimmer" });
        var digest = host.Services.GetRequiredService<AuditSealer>().PersonalDigest("for Zoe Zimmer");
        Assert.Equal(200, (await host.As("olga", "POST", "/api/v1/audit/erase", $$"""{"digest":"{{digest}}","reason":"names a customer"}""")).Status);
        var trail = (await host.As("dave", "GET", "/api/v1/audit")).Text;
        Assert.DoesNotContain("Zoe", trail, StringComparison.Ordinal);
        Assert.Contains("dev:user:alice", trail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_erases_their_own_name()
    {
        await using var host = await SiloHost.StartAsync();
        await host.Raise(Sample.Ask());
        Assert.Equal(200, (await host.As("olga", "PUT", "/api/v1/blocks/dev:user:zoe")).Status);
        var own = host.Services.GetRequiredService<AuditSealer>().PersonalDigest("dev:user:olga");
        foreach (var body in (string[])["""{"principal":"dev:user:olga","reason":"r"}""", $$"""{"digest":"{{own}}","reason":"r"}"""])
            Assert.Equal(403, (await host.As("olga", "POST", "/api/v1/audit/erase", body)).Status);
        Assert.Contains("dev:user:olga", (await host.As("dave", "GET", "/api/v1/audit")).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"reason":"r"}""", 400)]
    [InlineData("""{"principal":"dev:user:alice","digest":"pd_AAAAAAAAAAAAAAAAAAAAAA","reason":"r"}""", 400)]
    [InlineData("""{"principal":"dev:user:alice"}""", 400)]
    [InlineData("""{"principal":"dev:user:alice","reason":" "}""", 400)]
    [InlineData("""{"principal":"alice","reason":"r"}""", 400)]
    [InlineData("""{"digest":"dev:user:alice","reason":"r"}""", 400)]
    [InlineData("""{"digest":"pd_AAAA","reason":"r"}""", 400)]
    [InlineData("""{"principal":"dev:user:nobody","reason":"r"}""", 404)]
    [InlineData("""{"digest":"pd_AAAAAAAAAAAAAAAAAAAAAA","reason":"r"}""", 404)]
    public async Task What_cannot_be_erased_is_refused_and_not_recorded(string body, int status)
    {
        await using var host = await SiloHost.StartAsync();
        Assert.Equal(status, (await host.As("olga", "POST", "/api/v1/audit/erase", body)).Status);
        Assert.Empty((await host.As("dave", "GET", "/api/v1/audit?type=value.erased")).Json!["items"]!.AsArray());
    }

    [Fact]
    public void A_repeated_command_is_recorded_once_and_has_it_done_once()
    {
        var machine = new ErasuresMachine();
        var command = new EraseCommand("cmd_1", ["pd_1", "pd_2"], new PrincipalId("dev:user:olga"), "because");
        var first = ErasuresMachine.Decide(new ErasuresState(), command, Now);
        var happened = Assert.Single(first.Events);
        Assert.Equal(2, machine.Audit(new ErasuresState(), happened).Count());
        var message = Assert.IsType<OutboxMessage.EraseValues>(Assert.Single(machine.Effects(new ErasuresState(), happened)));
        Assert.Equal(["pd_1", "pd_2"], message.Digests.ToArray());
        Assert.Equal(Now, message.At);
        var state = machine.Apply(new ErasuresState(), happened);
        var again = ErasuresMachine.Decide(state, command, Now.AddHours(1));
        Assert.Empty(again.Events);
        Assert.Equal(Now, again.Reply.Value!.At);
        for (var i = 0; i < 2 * ErasuresMachine.Remembered; i++)
            state = machine.Apply(state, new ValuesErased(command with { CommandId = $"other_{i}" }, Now));
        Assert.Equal(ErasuresMachine.Remembered, state.Recent.Length);
        Assert.IsType<Refusal.TooManyEntries>(ErasuresMachine.Decide(state, command with { CommandId = "x", Digests = [.. Enumerable.Range(0, 101).Select(i => $"pd_{i}")] }, Now).Reply.Refusal);
    }

    [Fact]
    public async Task Other_processes_are_told_and_whoever_missed_something_knows_nothing()
    {
        var values = new Noting();
        var bus = new InProcessBus();
        var news = new JitGrains.Silo.Audit.ErasureNews(values, bus);
        await news.StartAsync(CancellationToken.None);
        bus.Publish(JitGrains.Silo.Audit.ErasureNews.Of("pd_1", Now));
        bus.Publish(new BusMessage(BusTopics.Erased, "pd_2", "soon"));
        bus.Publish(new BusMessage(BusTopics.Erased, "pd_3", $"{long.MaxValue}"));
        await news.StopAsync(CancellationToken.None);
        bus.Publish(JitGrains.Silo.Audit.ErasureNews.Of("pd_4", Now));
        Assert.Equal([("pd_1", Now)], values.Forgotten);
    }

    private sealed class Noting : IPersonalValues
    {
        public List<(string, DateTimeOffset)> Forgotten { get; } = [];

        public Task<IReadOnlyList<string>> FindAsync(string person, CancellationToken cancellationToken = default) => Task.FromResult<IReadOnlyList<string>>([]);

        public Task EraseAsync(IReadOnlyCollection<string> digests, DateTimeOffset at, CancellationToken cancellationToken = default) => Task.CompletedTask;

        public void Forget(string digest, DateTimeOffset at) => Forgotten.Add((digest, at));

        public void ForgetAll() => Forgotten.Clear();
    }
}
