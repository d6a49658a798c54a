using JitGrains.Runtime.Engine;

namespace JitGrains.UnitTests.Runtime;

public class ReminderTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    public static TheoryData<string> Stores => EngineHarness.Stores;

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task The_service_delivers_a_reminder_when_its_time_comes(string store)
    {
        await using var engine = await EngineHarness.StartAsync(store);
        for (var round = 0; round < 20; round++)
        {
            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            engine.Log.OnReminder = _ =>
            {
                reached.SetResult();
                return Task.CompletedTask;
            };
            await engine.Tally($"g{round}").Remind("due", TimeSpan.FromMilliseconds(300), TimeSpan.FromDays(1), withState: round % 2 == 0);
            engine.Time.Advance(TimeSpan.FromMilliseconds(300));
            // The service may have read the time just before: its timer is then set from just after, and time must go on.
            for (var i = 0; i < 1_000_000 && !reached.Task.IsCompleted; i++)
            {
                engine.Time.Advance(TimeSpan.FromMilliseconds(1));
                await Task.Yield();
            }

            Assert.True(reached.Task.IsCompleted);
        }

        Assert.Equal(20, engine.Log.Reminders.Count);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_reminder_comes_when_due_and_then_once_each_period(string store)
    {
        await using var engine = EngineHarness.Create(store);
        var registered = engine.Time.GetUtcNow().UtcDateTime;
        await engine.Tally("one").Remind("due", TimeSpan.FromSeconds(30), Minute, withState: false);

        engine.Time.Advance(TimeSpan.FromSeconds(29));
        await engine.Reminders.RunDueAsync(default);
        Assert.Empty(engine.Log.Reminders);

        engine.Time.Advance(TimeSpan.FromSeconds(1));
        await engine.Reminders.RunDueAsync(default);
        await engine.Reminders.RunDueAsync(default);
        var first = registered + TimeSpan.FromSeconds(30);
        Assert.Equal(("one", "due", new TickStatus(first, Minute, first)), Assert.Single(engine.Log.Reminders));

        engine.Time.Advance(Minute);
        await engine.Reminders.RunDueAsync(default);
        Assert.Equal(new TickStatus(first, Minute, first + Minute), engine.Log.Reminders.Last().Status);
        Assert.Equal(2, engine.Log.Reminders.Count);
    }

    [Fact]
    public async Task Ticks_missed_while_the_process_was_down_come_once_at_the_next_start()
    {
        using var folder = new TempFolder();
        var time = new TestSupport.ManualTime();
        await using (var first = EngineHarness.Create("sqlite", folder.Path, time))
            await first.Tally("one").Remind("due", Minute, Minute, withState: true);
        time.Advance(TimeSpan.FromSeconds(1000));

        await using var second = EngineHarness.Create("sqlite", folder.Path, time);
        await second.Reminders.RunDueAsync(default);
        await second.Reminders.RunDueAsync(default);
        Assert.Single(second.Log.Reminders);
        Assert.Equal(time.GetUtcNow() + TimeSpan.FromSeconds(20), await second.Store.NextReminderAfterAsync(time.GetUtcNow(), default));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task What_the_reminders_own_turn_registers_or_removes_stands(string store)
    {
        await using var engine = EngineHarness.Create(store);
        await engine.Tally("one").Remind("due", Minute, Minute, withState: false);

        engine.Log.OnReminder = grain => grain.RegisterOrUpdateReminder("due", TimeSpan.FromSeconds(7), Minute);
        engine.Time.Advance(Minute);
        await engine.Reminders.RunDueAsync(default);
        Assert.Equal(engine.Time.GetUtcNow() + TimeSpan.FromSeconds(7), await engine.Store.NextReminderAfterAsync(engine.Time.GetUtcNow(), default));

        engine.Log.OnReminder = async grain => await grain.UnregisterReminder((await grain.GetReminder("due"))!);
        engine.Time.Advance(TimeSpan.FromSeconds(7));
        await engine.Reminders.RunDueAsync(default);
        Assert.Equal(2, engine.Log.Reminders.Count);
        Assert.False(await engine.Tally("one").HasReminder("due"));

        engine.Time.Advance(TimeSpan.FromHours(1));
        await engine.Reminders.RunDueAsync(default);
        Assert.Equal(2, engine.Log.Reminders.Count);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_reminder_whose_turn_fails_comes_again_and_others_do_not_wait_for_it(string store)
    {
        await using var engine = EngineHarness.Create(store);
        engine.Log.FailReminders = 1;
        await engine.Tally("one").Remind("due", Minute, TimeSpan.FromHours(1), withState: false);
        engine.Time.Advance(Minute);
        await engine.Reminders.RunDueAsync(default);
        Assert.Empty(engine.Log.Reminders);

        await engine.Tally("two").Remind("due", TimeSpan.Zero, TimeSpan.FromHours(1), withState: false);
        await engine.Reminders.RunDueAsync(default);
        Assert.Equal("two", Assert.Single(engine.Log.Reminders).Key);

        engine.Time.Advance(TimeSpan.FromSeconds(5));
        await engine.Reminders.RunDueAsync(default);
        Assert.Equal(["two", "one"], engine.Log.Reminders.Select(r => r.Key));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_reminder_of_a_class_that_is_gone_is_kept_and_disturbs_nobody(string store)
    {
        await using var engine = EngineHarness.Create(store);
        await using (var session = await engine.Store.BeginTurnAsync(new GrainId("gone", "one"), readOnly: false, default))
            await session.CommitAsync(new GrainWrite(null, [], [new ReminderChange("due", engine.Time.GetUtcNow(), Minute)]));
        await engine.Tally("one").Remind("due", TimeSpan.Zero, Minute, withState: false);
        await engine.Reminders.RunDueAsync(default);
        Assert.Equal("one", Assert.Single(engine.Log.Reminders).Key);
        Assert.Equal(engine.Time.GetUtcNow() + TimeSpan.FromSeconds(5), await engine.Store.NextReminderAfterAsync(engine.Time.GetUtcNow(), default));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_removed_reminder_does_not_come(string store)
    {
        await using var engine = EngineHarness.Create(store);
        await engine.Tally("one").Remind("due", Minute, Minute, withState: true);
        Assert.True(await engine.Tally("one").HasReminder("due"));
        await engine.Tally("one").Forget("due");
        await engine.Tally("one").Forget("never there");
        engine.Time.Advance(Minute);
        await engine.Reminders.RunDueAsync(default);
        Assert.Empty(engine.Log.Reminders);
    }
}
