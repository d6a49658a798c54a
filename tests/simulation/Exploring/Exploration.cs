using System.Collections.Immutable;
using System.Diagnostics;

namespace JitGrains.Simulation.Exploring;

/// <summary>What an exploration came to.</summary>
/// <param name="States">Worlds seen.</param>
/// <param name="Transitions">Steps taken.</param>
/// <param name="Depth">How many steps any way has.</param>
/// <param name="IsWhole">Whether no world was left to go on from: deeper there is nothing.</param>
/// <param name="Wrong">What was wrong, and the shortest way there; null where nothing was.</param>
internal sealed record Explored(int States, long Transitions, int Depth, bool IsWhole, string? Wrong)
{
    public override string ToString() => $"{States} states, {Transitions} transitions, {(IsWhole ? $"all there are, {Depth} steps deep" : $"all within {Depth} steps")}";
}

/// <summary>Where an exploration begins.</summary>
/// <param name="Name">For people.</param>
/// <param name="Gateways">How many gateways there are.</param>
/// <param name="Depth">How many steps it goes in the tests.</param>
/// <param name="World">The first world.</param>
internal sealed record Beginning(string Name, int Gateways, int Depth, Func<SmallWorld, string> World)
{
    public Explored Explore(Bug bug, bool isCounted, int deeper = 0)
    {
        var small = new SmallWorld(bug, isCounted, Gateways);
        return Exploration.Run(small, World(small), Depth + deeper);
    }
}

/// <summary>Goes through every interleaving, breadth first: what it finds is a shortest way to it.</summary>
internal static class Exploration
{
    public static Explored Run(SmallWorld small, string start, int depth)
    {
        var from = new Dictionary<string, (string Before, string Label)>(StringComparer.Ordinal) { [start] = ("", "") };
        var (level, next, transitions) = (new List<string> { start }, new List<string>(), 0L);
        for (var steps = 1; steps <= depth; steps++)
        {
            foreach (var world in level)
            {
                foreach (var (label, after) in small.Next(world))
                {
                    transitions++;
                    if (small.Wrong(world, after) is { } wrong)
                        return new Explored(from.Count, transitions, steps, false, $"{wrong}, after {steps} steps: {string.Join("; ", Way(from, world).Append(label))}");
                    if (from.TryAdd(after, (world, label)))
                        next.Add(after);
                }
            }

            if (next.Count == 0)
                return new Explored(from.Count, transitions, steps - 1, true, null);
            (level, next) = (next, level);
            next.Clear();
        }

        return new Explored(from.Count, transitions, depth, false, null);
    }

    /// <summary>Where explorations begin, and how many steps they go in the tests.</summary>
    public static readonly ImmutableArray<Beginning> Beginnings =
    [
        new("the way to a grant and its revocation", 0, 40, w => w.Blank()),
        new("two gateways that have read the grant", 2, 9, w => w.Granted(registered: 2, read: true)),
        new("two gateways, of which one has read the grant and one is not registered", 2, 9, w => w.Granted(registered: 1, read: true)),
        new("two gateways that are not registered", 2, 10, w => w.Granted(registered: 0)),
        new("one gateway that has read the grant", 1, 14, w => w.Granted(registered: 1, read: true)),
        new("one gateway that is not registered", 1, 14, w => w.Granted(registered: 0)),
    ];

    /// <summary>Explores all worlds, and says of each how much there was.</summary>
    public static IEnumerable<(string Name, Explored Explored)> All(int deeper)
    {
        foreach (var beginning in Beginnings)
        {
            foreach (var isCounted in beginning.Gateways == 0 ? [true] : new[] { true, false })
            {
                var name = beginning.Gateways == 0 ? beginning.Name : $"{beginning.Name}, {(isCounted ? "one use" : "any number of uses")}";
                yield return (name, beginning.Explore(Bug.None, isCounted, deeper));
            }
        }
    }

    /// <summary>The same, deeper by so many steps than in the tests, for people.</summary>
    public static int Show(int deeper)
    {
        var (failed, began) = (false, Stopwatch.GetTimestamp());
        foreach (var (name, explored) in All(deeper))
        {
            Console.WriteLine($"{name}: {explored} ({Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s)");
            if (explored.Wrong is { } wrong)
                Console.WriteLine($"  {wrong}");
            failed |= explored.Wrong is not null;
        }

        return failed ? 1 : 0;
    }

    private static List<string> Way(Dictionary<string, (string Before, string Label)> from, string world)
    {
        var way = new List<string>();
        for (var at = world; from[at] is var (before, label) && label.Length > 0; at = before)
            way.Add(label);
        way.Reverse();
        return way;
    }
}
