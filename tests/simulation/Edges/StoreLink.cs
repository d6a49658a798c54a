using JitGrains.Runtime.Engine;
using JitGrains.Simulation.Machine;

namespace JitGrains.Simulation.Edges;

/// <summary>
/// One process' connections to the store: each question and each answer takes its time, and either may be lost. A process that
/// finds the store in another epoch learns of that before anything else.
/// </summary>
internal sealed class StoreLink(World world, StoreServer server, SimProcess process) : IStoreEpoch
{
    private static readonly TimeSpan GivesUp = TimeSpan.FromSeconds(3);

    /// <summary>As long as a connection may be waited for that says nothing at all.</summary>
    private static readonly TimeSpan Hanging = TimeSpan.FromSeconds(20);

    public StoreServer Server => server;

    public SimProcess Process => process;

    public World World => world;

    /// <summary>Whether nothing gets through at the moment.</summary>
    public bool IsCut { get; set; }

    /// <summary>Whether nothing gets through, and the connections do not break: what is asked is not answered for long.</summary>
    public bool Hangs { get; set; }

    /// <summary>So late is the answer to the next renewal of a lease, after which nothing gets through; null where it is not.</summary>
    public TimeSpan? LateRenewal { get; set; }

    public StoreHealth Health { get; private set; } = StoreHealth.Good;

    /// <summary>When something that was asked of the store last went wrong or took long, or had no answer yet.</summary>
    public TimeSpan LastTrouble { get; private set; }

    public string Current { get; private set; } = server.Epoch;

    public bool IsShared => true;

    public event EventHandler? Changed;

    /// <summary>Asks the store: what it is to do runs there, at one moment.</summary>
    public Task<T> Ask<T>(Func<Task<T>> run, Action? lost = null) => Ask(run, lost, Throw());

    /// <summary>The same of a write to this grain.</summary>
    public Task<T> AskWrite<T>(GrainId grain, Func<Task<T>> run, Action lost)
    {
        var fate = Throw();
        if (LateRenewal is not { } late || grain.Type != "gateway")
            return Ask(run, lost, fate);
        (LateRenewal, Hangs) = (null, true);
        return Ask(run, lost, fate with { Back = fate.Back + late });
    }

    private Task<T> Ask<T>(Func<Task<T>> run, Action? lost, Fate fate)
    {
        var answer = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        world.At(fate.There, () =>
        {
            if (!Arrives(fate, answer, lost))
                return;
            Reply(fate, answer, run(), lost);
        });
        return answer.Task;
    }

    /// <summary>Asks for a lock, and for what is read once it is there.</summary>
    public Task<T> AskLocked<T>(StoreServer.Session session, Func<Task<T>> run)
    {
        var answer = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var fate = Throw();
        void Lost() => server.Release(session);
        world.At(fate.There, () =>
        {
            if (!Arrives(fate, answer, Lost))
                return;
            server.Acquire(session, () => Reply(fate, answer, run(), Lost), () =>
            {
                Lost();
                Fail(fate, answer, new StoreUnavailableException("the lock was not to be had in time"));
            });
        });
        return answer.Task;
    }

    /// <summary>Says something that is not answered.</summary>
    public void Tell(Action what) => world.At(world.Dice.Between(TimeSpan.FromMicroseconds(50), TimeSpan.FromMilliseconds(1)), what);

    private bool Arrives<T>(Fate fate, TaskCompletionSource<T> answer, Action? lost)
    {
        if (fate.LostBefore || !server.IsUp)
        {
            lost?.Invoke();
            Fail(fate, answer, new StoreUnavailableException("the store cannot be reached"));
            return false;
        }

        if (Current == server.Epoch)
            return true;
        lost?.Invoke();
        process.Context.Post(_ => Enter(), null);
        Fail(fate, answer, new StoreUnavailableException("the connection broke"));
        return false;
    }

    private void Reply<T>(Fate fate, TaskCompletionSource<T> answer, Task<T> done, Action? lost)
    {
        // Nothing in the store waits for anything.
        if (!done.IsCompleted)
            throw new InvalidOperationException("the simulated store waited");
        if (fate.LostAfter)
        {
            lost?.Invoke();
            Fail(fate, answer, new StoreUnavailableException("the connection broke before the answer came"));
        }
        else if (done.Exception is { } e)
        {
            Fail(fate, answer, e.InnerException!);
        }
        else
        {
            world.At(fate.Back, () => process.Context.Post(
                _ =>
                {
                    Health = StoreHealth.Good;
                    answer.TrySetResult(done.Result);
                },
                null));
        }
    }

    private void Fail<T>(Fate fate, TaskCompletionSource<T> answer, Exception because) => world.At(fate.Back, () => process.Context.Post(
        _ =>
        {
            if (because is StoreUnavailableException)
                Health = new StoreHealth(false, because.Message);
            answer.TrySetException(because);
        },
        null));

    private void Enter()
    {
        if (Current == server.Epoch)
            return;
        Current = server.Epoch;
        Changed?.Invoke(this, EventArgs.Empty);
    }

    private Fate Throw()
    {
        var dice = world.Dice;
        var trouble = server.Trouble;
        if (Hangs || IsCut || !server.IsUp || trouble != StoreTrouble.None)
            LastTrouble = world.Now + (Hangs ? Hanging : GivesUp + GivesUp);
        if (Hangs)
            return new Fate(Hanging, TimeSpan.Zero, LostBefore: true, LostAfter: false);
        if (IsCut)
            return new Fate(GivesUp, TimeSpan.Zero, LostBefore: true, LostAfter: false);
        var slow = dice.Chance(trouble.Slow);
        var most = slow ? TimeSpan.FromSeconds(2) : TimeSpan.FromMilliseconds(2);
        return new Fate(
            dice.Between(TimeSpan.FromMicroseconds(100), most),
            dice.Between(TimeSpan.FromMicroseconds(100), most),
            dice.Chance(trouble.LostBefore),
            dice.Chance(trouble.LostAfter));
    }

    private readonly record struct Fate(TimeSpan There, TimeSpan Back, bool LostBefore, bool LostAfter);
}
