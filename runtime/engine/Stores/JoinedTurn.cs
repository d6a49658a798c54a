using JitGrains.Outbox;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// A turn that takes another turn's message within that one's transaction: both are written, or neither. It is the grain's turn like any
/// other: nobody waits for it, and it waits for nobody. Where its grain is not free, or it does not write, the message is written and
/// delivered as every message is. Used by one transaction at a time.
/// </summary>
internal sealed class JoinedTurn(OutboxRecord record, GrainId taker, Func<Task> deliver, Func<bool> tryEnter, Action leave)
{
    // Follows the delivery's own flow of execution, to the turn that it runs.
    private static readonly AsyncLocal<Joining?> Current = new();

    /// <summary>The message.</summary>
    public OutboxRecord Record => record;

    /// <summary>Whose turn it is.</summary>
    public GrainId Taker => taker;

    /// <summary>Whether the transaction has what the turn writes, and so need not have the message.</summary>
    public bool IsDelivered { get; set; }

    /// <summary>The session of a turn that is being joined, once; null where the caller is no such turn.</summary>
    /// <exception cref="InvalidOperationException">It is another grain's that is being joined.</exception>
    public static ITurnSession? TakeSession(GrainId grain)
    {
        if (Current.Value is not { } joining)
            return null;
        if (joining.Grain != grain || Interlocked.Exchange(ref joining.Session, null) is not { } session)
            throw new InvalidOperationException($"what is delivered to {joining.Grain.Type} within a transaction is one turn of it, and none of {grain.Type}");
        return session;
    }

    /// <summary>Takes the grain's turn in this process where it is nobody's; then <see cref="RunAsync"/> or <see cref="Leave"/> must follow.</summary>
    public bool TryEnter() => tryEnter();

    /// <summary>Gives the grain's turn back.</summary>
    public void Leave() => leave();

    /// <summary>Runs the turn by this session, and gives the grain's turn back. Never throws: what fails here is delivered later, and fails there.</summary>
    public async Task RunAsync(ITurnSession session)
    {
        try
        {
            Current.Value = new Joining(taker) { Session = session };
            await deliver();
        }
        catch (Exception)
        {
            // The message is still there.
        }
        finally
        {
            // Where it came to no turn.
            await session.DisposeAsync();
            Leave();
        }
    }

    private sealed class Joining(GrainId grain)
    {
        public ITurnSession? Session;

        public GrainId Grain => grain;
    }
}
