using JitGrains.Outbox;

namespace JitGrains.UnitTests.Runtime.Postgres;

/// <summary>How the database goes about what is written often.</summary>
public sealed class PlanTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task An_outcome_does_not_read_through_the_executions_that_are_gone()
    {
        await using var engine = EngineHarness.Create("postgres");
        await engine.Tally("one").Add(1);
        // So the server believes that there is next to nothing in it, which is what it finds at times of its own.
        await Database.RunAsync(engine.Database!, "VACUUM ANALYZE open_executions");
        var before = await Database.RunAsync(engine.Database!, "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'open_executions'");
        await using (var other = EngineHarness.Create("postgres", database: engine.Database))
        {
            // Often enough for a plan that is kept.
            for (var i = 0; i < 12; i++)
            {
                await other.Store.WriteAsync("one", new OutboxMessage.ShowExecution(Samples.Execution($"ex_{i}", "gr_1", "rq_1")));
                await other.Store.WriteAsync("one", new OutboxMessage.ShowExecution(Samples.Execution($"ex_{i}", "gr_1", "rq_1", outcome: Samples.Completed)));
            }
        }

        // What sessions have counted is seen once they are over, or some seconds later.
        const string Deleted = "SELECT n_tup_del FROM pg_stat_user_tables WHERE relname = 'open_executions'";
        var since = TimeProvider.System.GetTimestamp();
        while (await Database.RunAsync(engine.Database!, Deleted) is var counted and not 12L)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(since) < Patience, $"of 12 executions that are gone the server has counted {counted} in {Patience}");
            await Task.Yield();
        }

        Assert.Equal(before, await Database.RunAsync(engine.Database!, "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'open_executions'"));
    }
}
