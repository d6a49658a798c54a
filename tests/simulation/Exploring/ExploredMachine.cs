using System.Collections.Immutable;
using System.Text.Json;
using JitGrains.Json;
using JitGrains.Outbox;
using JitGrains.Shell;

namespace JitGrains.Simulation.Exploring;

/// <summary>What a turn of a grain left.</summary>
/// <param name="State">The number of the state after it.</param>
/// <param name="IsTaken">Whether it was not refused.</param>
/// <param name="Sent">What goes to other grains.</param>
internal sealed record Taken(int State, bool IsTaken, ImmutableArray<OutboxMessage> Sent);

/// <summary>
/// One of the product's machines as the explorer drives it: its states by number, equal ones by the same, and each decision
/// made once. A state's text is what the store would hold. Not thread-safe.
/// </summary>
internal sealed class ExploredMachine<TState, TEvent>(IStateMachine<TState, TEvent> machine)
    where TState : class, new()
{
    private readonly List<TState> states = [];
    private readonly Dictionary<string, int> numbers = new(StringComparer.Ordinal);
    private readonly Dictionary<(int State, string Command, int Time), Taken> turns = [];
    private readonly Dictionary<(int State, string Question, int Time), bool> answers = [];

    public TState this[int number] => states[number];

    public int Of(TState state)
    {
        var text = JsonSerializer.Serialize(state, JitJson.Options);
        if (numbers.TryGetValue(text, out var known))
            return known;
        states.Add(state);
        return numbers[text] = states.Count - 1;
    }

    public Taken Turn<T>(int state, string command, int time, Func<TState, DateTimeOffset, Decision<TEvent, T>> decide)
        where T : class
    {
        if (turns.TryGetValue((state, command, time), out var known))
            return known;
        var decision = decide(states[state], Places.At(time));
        return turns[(state, command, time)] = Commit(state, decision.Events, decision.Reply.Refusal is null);
    }

    /// <summary>The reminder comes.</summary>
    public Taken Tick(int state, int time) =>
        turns.TryGetValue((state, "", time), out var known) ? known : turns[(state, "", time)] = Commit(state, machine.Tick(states[state], Places.At(time)), true);

    public bool Says(int state, string question, int time, Func<TState, DateTimeOffset, bool> ask) =>
        answers.TryGetValue((state, question, time), out var known) ? known : answers[(state, question, time)] = ask(states[state], Places.At(time));

    private Taken Commit(int state, ImmutableArray<TEvent> events, bool isTaken)
    {
        var (after, sent) = (states[state], ImmutableArray.CreateBuilder<OutboxMessage>());
        foreach (var happened in events)
        {
            after = machine.Apply(after, happened);
            sent.AddRange(machine.Effects(after, happened).Where(m => m is OutboxMessage.RaiseRequest or OutboxMessage.CancelRequest or OutboxMessage.CloseRequest
                or OutboxMessage.IssueGrant or OutboxMessage.ConfirmGrant or OutboxMessage.FailGrant));
        }

        return new Taken(Of(after), isTaken, sent.ToImmutable());
    }
}
