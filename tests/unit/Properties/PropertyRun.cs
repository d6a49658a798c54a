using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Core;
using Xunit.Sdk;

namespace JitGrains.UnitTests.Properties;

/// <summary>
/// Runs properties by FsCheck: the same cases on every run, or fresh ones where <c>JITGRAINS_PROPERTIES</c> is <c>fresh</c>,
/// or those of the seed that it names; <c>JITGRAINS_PROPERTIES_RUNS</c> times as many where that is given.
/// </summary>
internal static class PropertyRun
{
    private const ulong Fixed = 20300101;

    /// <summary>Plays scripts to a machine until one shows a bug, which is told as the shortest script that still does.</summary>
    public static void Hold<TState, TEvent>(Spec<TState, TEvent> spec, int runs = 250, int steps = 30)
        where TState : class, new()
    {
        if (Search(spec, runs, steps) is { } wrong)
            throw new XunitException(wrong);
    }

    /// <summary>The same, as text; null where nothing is wrong.</summary>
    public static string? Search<TState, TEvent>(Spec<TState, TEvent> spec, int runs, int steps)
        where TState : class, new()
    {
        string? shortest = null;
        var seed = Seed();
        var config = Config.QuickThrowOnFailure
            .WithQuietOnSuccess(true)
            .WithMaxTest(runs * Times())
            .WithReplay(FSharpOption<Replay>.Some(new Replay(new Rnd(seed, 0x9e3779b97f4a7c15), FSharpOption<int>.None)));
        try
        {
            // Of the scripts that fail, the last one tried is the shortest: shrinking goes on from each that still does.
            Prop.ForAll(Script.Of(spec.Commands, steps), script =>
            {
                if (Play<TState, TEvent>.Judge(spec, script) is not { } wrong)
                    return true;
                shortest = $"{wrong}\n{script}";
                return false;
            }).Check(config);
        }
        catch (Exception) when (shortest is not null)
        {
            return $"{spec.Machine.GetType().Name}, seed {seed}, {shortest}";
        }

        return null;
    }

    private static ulong Seed() => Environment.GetEnvironmentVariable("JITGRAINS_PROPERTIES") switch
    {
        null or "" => Fixed,
        "fresh" => (ulong)Random.Shared.NextInt64(),
        var seed => ulong.Parse(seed, CultureInfo.InvariantCulture),
    };

    private static int Times() =>
        Environment.GetEnvironmentVariable("JITGRAINS_PROPERTIES_RUNS") is { Length: > 0 } times ? int.Parse(times, CultureInfo.InvariantCulture) : 1;
}
