using System.Collections.Immutable;
using System.Security.Cryptography;
using JitGrains.Audit;
using JitGrains.Gateway.Executions;
using JitGrains.Grants;
using JitGrains.Principals;
using JitGrains.Runtime.Engine;
using JitGrains.Secrets;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using static JitGrains.TestSupport.Sample;

namespace JitGrains.GatewayTests.Calls;

public sealed class OutcomeRecorderTests : IAsyncLifetime
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(20);

    private readonly ManualTime time = new();
    private readonly ServiceProvider services;
    private readonly OutcomeRecorder outcomes;
    private readonly string caller = Grant().CallerKey;

    public OutcomeRecorderTests()
    {
        var collection = new ServiceCollection();
        collection.AddSingleton<TimeProvider>(time);
        collection.AddSingleton(new AuditSealer(new SecretKey(new byte[32])));
        collection.AddGrainEngine(o =>
        {
            o.UseMemory = true;
            o.AddGrain<PrincipalGrain>();
        });
        services = collection.BuildServiceProvider();
        outcomes = new OutcomeRecorder(services.GetRequiredService<IGrainFactory>(), time, NullLogger<OutcomeRecorder>.Instance);
    }

    private IPrincipalGrain Principal => services.GetRequiredService<IGrainFactory>().GetGrain<IPrincipalGrain>(caller);

    public async Task InitializeAsync()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await Principal.IssueGrant(new GrantSigner(key).Sign(Grant(uses: 10, notBefore: time.GetUtcNow())));
    }

    public async Task DisposeAsync()
    {
        outcomes.Dispose();
        await services.DisposeAsync();
    }

    [Fact]
    public async Task Without_a_next_use_an_outcome_is_recorded_a_moment_later()
    {
        await Use("ex_1", []);
        outcomes.RecordSoon(caller, Outcome("ex_1"));
        Assert.Equal(1, outcomes.Open);
        time.Advance(Moment - TimeSpan.FromMilliseconds(1));
        Assert.Null((await Find("ex_1")).Outcome);
        time.Advance(TimeSpan.FromMilliseconds(1));
        WhenNoneIsOpen();
        Assert.Equal(ExecutionStatus.Completed, (await Find("ex_1")).Outcome!.Status);
    }

    [Fact]
    public async Task The_next_use_takes_along_all_that_waits_for_it()
    {
        await Use("ex_1", []);
        await Use("ex_2", []);
        outcomes.RecordSoon(caller, Outcome("ex_1"));
        outcomes.RecordSoon(caller, Outcome("ex_2"));
        var along = outcomes.TakeAlong(caller);
        Assert.Equal(["ex_1", "ex_2"], along.Select(o => o.ExecutionId));
        Assert.Empty(outcomes.TakeAlong(caller));
        Assert.True(outcomes.Open > 0);
        await Use("ex_3", along);
        outcomes.WereTaken(caller, along, recorded: true);
        Assert.Equal(0, outcomes.Open);
        Assert.NotNull((await Find("ex_1")).Outcome);
        Assert.NotNull((await Find("ex_2")).Outcome);
        Assert.Null((await Find("ex_3")).Outcome);
    }

    [Fact]
    public async Task What_waits_anew_after_some_was_taken_has_its_own_moment()
    {
        await Use("ex_1", []);
        outcomes.RecordSoon(caller, Outcome("ex_1"));
        time.Advance(Moment / 2);
        outcomes.WereTaken(caller, outcomes.TakeAlong(caller), recorded: true);
        outcomes.RecordSoon(caller, Outcome("ex_1"));
        time.Advance(Moment / 2);
        Assert.Equal(1, outcomes.Open);
        time.Advance(Moment / 2);
        WhenNoneIsOpen();
        Assert.NotNull((await Find("ex_1")).Outcome);
    }

    [Fact]
    public async Task Where_the_use_failed_they_are_recorded_by_themselves()
    {
        await Use("ex_1", []);
        outcomes.RecordSoon(caller, Outcome("ex_1"));
        outcomes.WereTaken(caller, outcomes.TakeAlong(caller), recorded: false);
        Assert.Equal(1, outcomes.Open);
        time.Advance(TimeSpan.FromSeconds(1));
        WhenNoneIsOpen();
        Assert.NotNull((await Find("ex_1")).Outcome);
    }

    [Fact]
    public async Task A_stop_records_what_waits()
    {
        await Use("ex_1", []);
        outcomes.RecordSoon(caller, Outcome("ex_1"));
        await outcomes.StopAsync(CancellationToken.None);
        Assert.NotNull((await Find("ex_1")).Outcome);
        Assert.Equal(0, outcomes.Open);
    }

    [Fact]
    public async Task A_stop_waits_for_those_whose_moment_is_over_right_then()
    {
        // Many at once, so that some are still to be given out when the stop comes.
        for (var round = 0; round < 300; round++)
        {
            using var several = new OutcomeRecorder(services.GetRequiredService<IGrainFactory>(), time, NullLogger<OutcomeRecorder>.Instance);
            for (var n = 0; n < 50; n++)
                several.RecordSoon($"{caller}-{n}", Outcome($"ex_{n}"));
            using var both = new Barrier(2);
            var over = Task.Run(() =>
            {
                both.SignalAndWait();
                time.Advance(Moment);
            });
            await Task.Run(async () =>
            {
                both.SignalAndWait();
                await several.StopAsync(CancellationToken.None);
                Assert.True(several.Open == 0, $"{several.Open} were not waited for, in round {round}");
            });
            await over;
        }
    }

    [Fact]
    public async Task A_stop_waits_for_those_that_a_use_has_taken_along()
    {
        await Use("ex_1", []);
        outcomes.RecordSoon(caller, Outcome("ex_1"));
        var along = outcomes.TakeAlong(caller);
        var stopped = outcomes.StopAsync(CancellationToken.None);
        Assert.False(stopped.IsCompleted);
        // The use failed.
        outcomes.WereTaken(caller, along, recorded: false);
        await stopped;
        Assert.NotNull((await Find("ex_1")).Outcome);
    }

    private async Task Use(string id, ImmutableArray<OutcomeCommand> along)
    {
        var grant = Grant(uses: 10);
        var taken = await Principal.Consume(new ConsumeCommand(id, grant.Id, "gw_1", grant.Action, grant.Resource!, grant.PayloadDigest, "rejoin", grant.PolicyVersion) { Outcomes = along });
        Assert.NotNull(taken.Value);
    }

    private OutcomeCommand Outcome(string id) =>
        new(id, new ExecutionOutcome(ExecutionStatus.Completed, 200, null, time.GetUtcNow(), time.GetUtcNow(), 1, 2));

    private async Task<ExecutionRecord> Find(string id) =>
        await services.GetRequiredService<IReadModel>().GetExecutionAsync(id) ?? throw new InvalidOperationException($"no execution {id}");

    // Timers fire here, and what they set off goes on elsewhere.
    private void WhenNoneIsOpen() => Assert.True(SpinWait.SpinUntil(() => outcomes.Open == 0, TimeSpan.FromMinutes(2)));
}
