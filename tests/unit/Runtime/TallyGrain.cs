using System.Collections.Concurrent;
using JitGrains.Outbox;
using JitGrains.Shell;

namespace JitGrains.UnitTests.Runtime;

/// <summary>A grain of the tests: it counts, sends messages and takes reminders.</summary>
public interface ITallyGrain : IGrainWithStringKey
{
    Task<int> Add(int amount);

    Task<int> Get();

    Task<List<int>> AddToList(List<int> numbers);

    /// <summary>Adds one in a turn that gives up its thread in the middle; throws where another turn of the grain got in between.</summary>
    Task<int> AddWithPause();

    Task AddThenThrow(int amount);

    Task Send(int amount, params OutboxMessage[] messages);

    Task CallOther(string key);

    Task Remind(string name, TimeSpan due, TimeSpan period, bool withState);

    Task RemindThenThrow(string name, TimeSpan due);

    Task Forget(string name);

    Task<bool> HasReminder(string name);

    Task<DateTimeOffset> Now();
}

public sealed class TallyState
{
    public int Sum { get; set; }

    public List<int> Numbers { get; set; } = [];
}

/// <summary>What the test grains were seen doing, shared by all turns of one engine.</summary>
public sealed class TallyLog
{
    private readonly ConcurrentDictionary<string, int> inside = [];

    public ConcurrentQueue<(string Key, string Name, TickStatus Status)> Reminders { get; } = [];

    /// <summary>Grain instances, one for each turn.</summary>
    public ConcurrentBag<object> Instances { get; } = [];

    /// <summary>The next reminders' turns throw this many times.</summary>
    public int FailReminders { get; set; }

    /// <summary>Run by each reminder's turn.</summary>
    public Func<Grain, Task>? OnReminder { get; set; }

    public void Enter(string key)
    {
        if (inside.AddOrUpdate(key, 1, (_, n) => n + 1) != 1)
            throw new InvalidOperationException("two turns of one grain at once");
    }

    public void Leave(string key) => inside[key] = 0;
}

[GrainType("tally")]
public sealed class TallyGrain(
    [PersistentState("tally")] IPersistentState<GrainDocument<TallyState>> document, ITurnClock clock, TallyLog log, IGrainFactory grains)
    : Grain, ITallyGrain, IRemindable
{
    public async Task<int> Add(int amount)
    {
        log.Instances.Add(this);
        document.State.State.Sum += amount;
        await document.WriteStateAsync();
        return document.State.State.Sum;
    }

    public Task<int> Get() => Task.FromResult(document.State.State.Sum);

    public async Task<List<int>> AddToList(List<int> numbers)
    {
        document.State.State.Numbers = numbers;
        numbers.Add(1);
        await document.WriteStateAsync();
        return numbers;
    }

    public async Task<int> AddWithPause()
    {
        log.Enter(this.GetPrimaryKeyString());
        var sum = document.State.State.Sum;
        await Task.Yield();
        document.State.State.Sum = sum + 1;
        await document.WriteStateAsync();
        log.Leave(this.GetPrimaryKeyString());
        return sum + 1;
    }

    public async Task AddThenThrow(int amount)
    {
        await Add(amount);
        await this.RegisterOrUpdateReminder("after", TimeSpan.Zero, TimeSpan.FromMinutes(1));
        throw new InvalidTimeZoneException("thrown after the write");
    }

    public async Task Send(int amount, params OutboxMessage[] messages)
    {
        document.State.State.Sum += amount;
        foreach (var message in messages)
            document.State.Outbox.Add(new OutboxRecord(++document.State.OutboxSequence, message));
        await this.RegisterOrUpdateReminder("sent", TimeSpan.FromHours(1), TimeSpan.FromHours(1));
        await document.WriteStateAsync();
        if (document.State.Outbox.Count != 0)
            throw new InvalidOperationException("messages were written and are still in the document");
    }

    public async Task CallOther(string key) => await grains.GetGrain<ITallyGrain>(key).Add(1);

    public async Task Remind(string name, TimeSpan due, TimeSpan period, bool withState)
    {
        await this.RegisterOrUpdateReminder(name, due, period);
        if (withState)
            await document.WriteStateAsync();
    }

    public async Task RemindThenThrow(string name, TimeSpan due)
    {
        await this.RegisterOrUpdateReminder(name, due, TimeSpan.FromMinutes(1));
        throw new InvalidTimeZoneException("thrown before any write");
    }

    public async Task Forget(string name)
    {
        if (await this.GetReminder(name) is { } reminder)
            await this.UnregisterReminder(reminder);
    }

    public async Task<bool> HasReminder(string name) => await this.GetReminder(name) is not null;

    public Task<DateTimeOffset> Now() => Task.FromResult(clock.UtcNow);

    public async Task ReceiveReminder(string reminderName, TickStatus status)
    {
        if (log.FailReminders > 0)
        {
            log.FailReminders--;
            throw new InvalidTimeZoneException("a reminder's turn fails");
        }

        log.Reminders.Enqueue((this.GetPrimaryKeyString(), reminderName, status));
        if (log.OnReminder is { } act)
            await act(this);
    }
}
