using System.Collections.Immutable;
using System.Text.Json;
using FsCheck;
using JitGrains.Audit;
using JitGrains.Json;
using JitGrains.Outbox;
using JitGrains.Shell;

namespace JitGrains.UnitTests.Properties;

/// <summary>A command by the name that people read, and what it says.</summary>
internal sealed record Command(string Name, object Says)
{
    public override string ToString() => $"{Name} {JsonSerializer.Serialize(Says, Says.GetType(), JitJson.Options)}";
}

/// <summary>What a machine answered.</summary>
internal sealed record Answer<TEvent>(ImmutableArray<TEvent> Events, object? Value, Refusal? Refusal)
{
    public static Answer<TEvent> Of<T>(Decision<TEvent, T> decision)
        where T : class => new(decision.Events, decision.Reply.Value, decision.Reply.Refusal);

    public override string ToString() =>
        Refusal is null ? JsonSerializer.Serialize(Value, JitJson.Options) : JsonSerializer.Serialize(Refusal, JitJson.Options);
}

/// <summary>One turn, as the grain's shell takes it: what was asked, what came of it, and all that is written with it.</summary>
/// <param name="Before">The state before.</param>
/// <param name="Command">The command, or null where the reminder came.</param>
/// <param name="Now">The turn's time.</param>
/// <param name="Answer">The answer.</param>
/// <param name="After">The state after.</param>
/// <param name="Audit">The audit entries.</param>
/// <param name="Sent">The messages.</param>
internal sealed record Turn<TState, TEvent>(
    TState Before, Command? Command, DateTimeOffset Now, Answer<TEvent> Answer, TState After, ImmutableArray<AuditDraft> Audit, ImmutableArray<OutboxMessage> Sent)
{
    public bool IsTaken => Answer.Refusal is null;

    public IEnumerable<AuditDraft> Entries(string type) => Audit.Where(a => a.Type == type);

    public static string Field(AuditDraft entry, string name) => entry.Fields.FirstOrDefault(f => f.Name == name)?.Value ?? "";
}

/// <summary>What is wrong with a turn.</summary>
internal sealed class ViolationException(string what) : Exception(what);

/// <summary>A simple model of its own, which judges each turn and never asks the machine what is right.</summary>
internal abstract class Model<TState, TEvent>
{
    public abstract void Judge(Turn<TState, TEvent> turn);

    protected static void Hold(bool holds, string what)
    {
        if (!holds)
            throw new ViolationException(what);
    }
}

/// <summary>What holds when a command comes a second time at once.</summary>
internal enum Again
{
    /// <summary>The same answer, and nothing changes.</summary>
    ChangesNothing,

    /// <summary>The state stays as it is. The answer may say that there was nothing left to do, and what others were told they may be told again.</summary>
    LeavesTheState,

    /// <summary>It is another command each time, which the model judges.</summary>
    IsAnother,
}

/// <summary>A machine with its commands and its model.</summary>
internal abstract class Spec<TState, TEvent>
    where TState : class, new()
{
    public abstract IStateMachine<TState, TEvent> Machine { get; }

    /// <summary>Commands as they come, hostile ones among them.</summary>
    public abstract Gen<Command> Commands { get; }

    public abstract Answer<TEvent> Decide(TState state, Command command, DateTimeOffset now);

    public abstract Model<TState, TEvent> NewModel();

    public virtual Again Repeated(Command command) => Again.ChangesNothing;
}
