using JitGrains.Audit;
using JitGrains.Outbox;
using JitGrains.Runtime.Engine;
using JitGrains.Simulation.Machine;

namespace JitGrains.Simulation.Edges;

/// <summary>The store as one process sees it.</summary>
internal sealed partial class SimStore(StoreLink link) : IGrainStore, IStoreHealth
{
    private StoreServer Server => link.Server;

    public bool IsShared => true;

    public StoreHealth Current => link.Health;

    public async Task<StoreHealth> CheckAsync(CancellationToken cancellationToken = default)
    {
        if (!link.Health.IsHealthy)
        {
            try
            {
                await link.Ask(() => Task.FromResult(true));
            }
            catch (StoreUnavailableException)
            {
                // It shows.
            }
        }

        return link.Health;
    }

    public async Task<ITurnSession> BeginTurnAsync(GrainId grain, bool readOnly, CancellationToken cancellationToken)
    {
        var session = new StoreServer.Session(link.Process, "grain " + grain);
        async Task<Loaded> Load()
        {
            await using var turn = await Server.Disk.BeginTurnAsync(grain, readOnly, CancellationToken.None);
            return new Loaded(turn.State, turn.ETag, Server.Now);
        }

        var loaded = readOnly ? await link.Ask(Load) : await link.AskLocked(session, Load);
        return new Turn(link, grain, readOnly ? null : session, loaded);
    }

    public Task<IReadOnlyList<GrainId>> ListOutboxSourcesAsync(CancellationToken cancellationToken) =>
        link.Ask(() => Server.Disk.ListOutboxSourcesAsync(CancellationToken.None));

    public Task<IReadOnlyList<OutboxRecord>> ReadOutboxAsync(GrainId source, int limit, CancellationToken cancellationToken) =>
        link.Ask(() => Server.Disk.ReadOutboxAsync(source, limit, CancellationToken.None));

    public async Task<IOutboxClaim?> ClaimOutboxAsync(GrainId source, int limit, bool wait, CancellationToken cancellationToken)
    {
        var session = new StoreServer.Session(link.Process, "outbox " + source);
        async Task<IReadOnlyList<OutboxRecord>?> Read() => await Server.Disk.ReadOutboxAsync(source, limit, CancellationToken.None);
        if (!wait)
        {
            // Whether it is free is found out at the store, and where it is, it is taken at once.
            if (!await link.Ask(() => Task.FromResult(Server.IsFree(session.Lock))))
                return null;
        }

        return new Claim(link, session, source, (await link.AskLocked(session, Read))!);
    }

    public Task<DateTimeOffset> ReadClockAsync(CancellationToken cancellationToken) => link.Ask(() => Task.FromResult(Server.Now));

    public Task<IReadOnlyList<StoredReminder>> ReadDueRemindersAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
        link.Ask(() => Server.TakeReminders(now, limit));

    public Task<DateTimeOffset?> NextReminderAfterAsync(DateTimeOffset time, CancellationToken cancellationToken) =>
        link.Ask(() => Server.Disk.NextReminderAfterAsync(time, CancellationToken.None));

    public Task MoveReminderAsync(StoredReminder reminder, DateTimeOffset due, CancellationToken cancellationToken) => link.Ask(async () =>
    {
        await Server.MoveReminder(reminder, due);
        return true;
    });

    private sealed record Loaded(string? State, string? ETag, DateTimeOffset Now);

    private sealed class Turn(StoreLink link, GrainId grain, StoreServer.Session? session, Loaded loaded) : ITurnSession
    {
        public string? State { get; private set; } = loaded.State;

        public string? ETag { get; private set; } = loaded.ETag;

        public DateTimeOffset Now => loaded.Now;

        public Task<StoredReminder?> FindReminderAsync(string name) => link.Ask(async () =>
        {
            await using var turn = await link.Server.Disk.BeginTurnAsync(grain, readOnly: true, CancellationToken.None);
            return await turn.FindReminderAsync(name);
        });

        public async Task ReloadAsync() => (State, ETag) = await link.Ask(async () =>
        {
            await using var turn = await link.Server.Disk.BeginTurnAsync(grain, readOnly: true, CancellationToken.None);
            return (turn.State, turn.ETag);
        });

        public async Task CommitAsync(GrainWrite write)
        {
            var owner = session ?? throw new InvalidOperationException("a turn that only reads wrote");
            ETag = await link.AskWrite(
                grain,
                async () =>
                {
                    await link.Server.Commit(owner, grain, ETag, write);
                    await using var turn = await link.Server.Disk.BeginTurnAsync(grain, readOnly: true, CancellationToken.None);
                    return turn.ETag;
                },
                () => link.Server.Release(owner));
            State = write.State ?? State;
        }

        public ValueTask DisposeAsync()
        {
            if (session is not null)
                link.Tell(() => link.Server.Release(session));
            return ValueTask.CompletedTask;
        }
    }

    private sealed class Claim(StoreLink link, StoreServer.Session session, GrainId source, IReadOnlyList<OutboxRecord> records) : IOutboxClaim
    {
        public IReadOnlyList<OutboxRecord> Records => records;

        public Task CompleteAsync(long throughSequence) => link.Ask(async () =>
        {
            if (!session.IsOpen)
                throw new StoreUnavailableException("the session had ended");
            var claim = await link.Server.Disk.ClaimOutboxAsync(source, 1, wait: false, CancellationToken.None);
            await claim!.CompleteAsync(throughSequence);
            return true;
        });

        public ValueTask DisposeAsync()
        {
            link.Tell(() => link.Server.Release(session));
            return ValueTask.CompletedTask;
        }
    }
}
