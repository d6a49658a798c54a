using System.Collections.Immutable;
using System.Globalization;
using FsCheck;
using FsCheck.Fluent;

namespace JitGrains.UnitTests.Properties;

/// <summary>What a step does with the reminder before its command comes.</summary>
internal enum Reminder
{
    /// <summary>None comes: no decision depends on one.</summary>
    Lost,

    /// <summary>Each that is due comes, late.</summary>
    Late,

    /// <summary>Each comes when it is due.</summary>
    Punctual,
}

/// <summary>A step: some time passes by the store's clock, or it is set back, and a command comes.</summary>
internal sealed record Step(TimeSpan Wait, Reminder Reminder, Command Command);

/// <summary>A sequence of commands, as it is told when it shows a bug.</summary>
internal sealed record Script(ImmutableArray<Step> Steps)
{
    private static readonly TimeSpan[] Waits =
    [
        TimeSpan.FromTicks(1), TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(7), TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(5),
        TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30), TimeSpan.FromHours(3), TimeSpan.FromDays(1), TimeSpan.FromDays(8), TimeSpan.FromDays(500),
        TimeSpan.FromTicks(-1), TimeSpan.FromMilliseconds(-3), TimeSpan.FromSeconds(-2),
    ];

    /// <summary>Scripts of up to this many steps; most time passes in none of them, for what happens at one moment is worth most.</summary>
    public static Arbitrary<Script> Of(Gen<Command> commands, int most)
    {
        var waits = Gen.Frequency((6, Gen.Constant(TimeSpan.Zero)), (4, Gen.Elements(Waits)));
        var steps =
            from wait in waits
            from reminder in Gen.Elements(Reminder.Lost, Reminder.Late, Reminder.Punctual)
            from command in commands
            select new Step(wait, reminder, command);
        var scripts =
            from length in Gen.Choose(1, most)
            from all in steps.ArrayOf(length)
            select new Script([.. all]);
        return Arb.From(scripts, Shorter);
    }

    public override string ToString() => string.Join('\n', Steps.Select((s, i) =>
        string.Create(CultureInfo.InvariantCulture, $"  {i + 1,2}. {(s.Wait == TimeSpan.Zero ? "" : $"after {s.Wait:c}, ")}reminder {s.Reminder.ToString().ToLowerInvariant()}: {s.Command}")));

    /// <summary>Fewer steps first, then less time and fewer reminders.</summary>
    private static IEnumerable<Script> Shorter(Script script)
    {
        var steps = script.Steps;
        for (var size = steps.Length / 2; size > 0; size /= 2)
        {
            for (var at = 0; at + size <= steps.Length; at += size)
                yield return new Script(steps.RemoveRange(at, size));
        }

        for (var at = 0; at < steps.Length; at++)
        {
            if (steps[at].Wait != TimeSpan.Zero)
                yield return new Script(steps.SetItem(at, steps[at] with { Wait = TimeSpan.Zero }));
            if (steps[at].Reminder != Reminder.Lost)
                yield return new Script(steps.SetItem(at, steps[at] with { Reminder = Reminder.Lost }));
        }
    }
}
