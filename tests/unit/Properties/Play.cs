using System.Collections.Immutable;
using System.Text.Json;
using JitGrains.Audit;
using JitGrains.Json;
using JitGrains.Outbox;

namespace JitGrains.UnitTests.Properties;

/// <summary>
/// Plays a script to a machine as the grain's shell does: one time for a turn, never before the last one's; the state is
/// written and read back after each.
/// </summary>
internal sealed class Play<TState, TEvent>(Spec<TState, TEvent> spec)
    where TState : class, new()
{
    private readonly Model<TState, TEvent> model = spec.NewModel();
    private TState state = new();
    private DateTimeOffset clock = Sample.Start;
    private DateTimeOffset last = Sample.Start;

    /// <summary>What was wrong, and at which step; null where nothing was.</summary>
    public static string? Judge(Spec<TState, TEvent> spec, Script script)
    {
        var play = new Play<TState, TEvent>(spec);
        for (var i = 0; i < script.Steps.Length; i++)
        {
            try
            {
                play.Take(script.Steps[i]);
            }
            catch (Exception e)
            {
                return $"at step {i + 1}: {(e is ViolationException ? e.Message : $"it threw {e}")}";
            }
        }

        return null;
    }

    private DateTimeOffset Now => clock > last ? clock : last;

    private void Take(Step step)
    {
        var until = clock + step.Wait;
        if (step.Reminder == Reminder.Punctual)
        {
            while (spec.Machine.NextDue(state) is { } due && due <= until)
            {
                clock = due > clock ? due : clock;
                Ticks();
            }
        }

        clock = until;
        if (step.Reminder == Reminder.Late)
        {
            while (spec.Machine.NextDue(state) is { } due && due <= Now)
                Ticks();
        }

        Comes(step.Command);
        LooksAhead();
    }

    private void Comes(Command command)
    {
        var before = Text(state);
        var answer = spec.Decide(state, command, Now);
        var again = spec.Decide(state, command, Now);
        Require(answer.ToString() == again.ToString() && Text(state) == before, "deciding is not pure");
        var turn = Commit(command, answer);
        model.Judge(turn);
        if (!turn.IsTaken || spec.Repeated(command) == Again.IsAnother)
            return;
        var second = spec.Decide(state, command, Now);
        Require(Text(second.Events.Aggregate(state, spec.Machine.Apply)) == Text(state), "the same command again changes the state");
        if (spec.Repeated(command) == Again.LeavesTheState)
            return;
        Require(second.Events.IsEmpty, $"the same command again does {second.Events.Length} things");
        Require(second.ToString() == answer.ToString(), $"the same command again answers {second}, and before {answer}");
    }

    private void Ticks()
    {
        var due = spec.Machine.NextDue(state);
        var happened = spec.Machine.Tick(state, Now);
        Require(!happened.IsEmpty, $"something is due at {due:O}, and a tick at {Now:O} does nothing");
        model.Judge(Commit(null, new Answer<TEvent>(happened, null, null)));
        Require(spec.Machine.NextDue(state) is not { } next || next > Now, "what was due is due again after its tick");
    }

    /// <summary>What the next reminder would do, without doing it.</summary>
    private void LooksAhead()
    {
        if (spec.Machine.NextDue(state) is not { } due || due <= Now)
            return;
        Require(spec.Machine.Tick(state, due - TimeSpan.FromTicks(1)).IsEmpty, $"a tick right before {due:O} does something");
        var happened = spec.Machine.Tick(state, due);
        Require(!happened.IsEmpty, $"a tick at {due:O}, when something is due, does nothing");
        var after = happened.Aggregate(state, spec.Machine.Apply);
        Require(spec.Machine.NextDue(after) is not { } next || next > due, "what was due is due again after its tick");
        Require(spec.Machine.Tick(after, due).IsEmpty, "a second tick does something again");
    }

    private Turn<TState, TEvent> Commit(Command? command, Answer<TEvent> answer)
    {
        var (before, at) = (state, Now);
        var audit = ImmutableArray.CreateBuilder<AuditDraft>();
        var sent = ImmutableArray.CreateBuilder<OutboxMessage>();
        foreach (var happened in answer.Events)
        {
            var was = state;
            state = spec.Machine.Apply(was, happened);
            audit.AddRange(spec.Machine.Audit(was, happened));
            sent.AddRange(spec.Machine.Effects(state, happened));
        }

        if (!answer.Events.IsEmpty)
            last = at;
        var written = Text(state);
        var read = JsonSerializer.Deserialize<TState>(written, JitJson.Options)!;
        Require(Text(read) == written, $"the state reads back as {Text(read)}, and was {written}");
        foreach (var message in sent)
            Require(Text(JsonSerializer.Deserialize<OutboxMessage>(Text(message), JitJson.Options)!) == Text(message), $"a message reads back otherwise: {Text(message)}");
        state = read;
        return new Turn<TState, TEvent>(before, command, at, answer, state, audit.ToImmutable(), sent.ToImmutable());
    }

    private static string Text<T>(T value) => JsonSerializer.Serialize(value, JitJson.Options);

    private static void Require(bool holds, string what)
    {
        if (!holds)
            throw new ViolationException(what);
    }
}
