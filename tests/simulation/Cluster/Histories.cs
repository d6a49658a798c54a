using JitGrains.Simulation.Checking;
using JitGrains.Simulation.Edges;
using JitGrains.Simulation.Machine;

namespace JitGrains.Simulation.Cluster;

/// <summary>What came of one history.</summary>
/// <param name="Plan">Its plan.</param>
/// <param name="Digest">Of all that happened in it.</param>
/// <param name="Violations">What was wrong with it; none where all is well.</param>
/// <param name="Operations">Calls, votes and commands.</param>
/// <param name="Starts">Calls that reached the upstream.</param>
/// <param name="Steps">Steps of the scheduler.</param>
/// <param name="Length">How long it took, in its own time.</param>
/// <param name="Lines">Its lines, where they were kept.</param>
internal sealed record Judged(Plan Plan, string Digest, IReadOnlyList<string> Violations, int Operations, int Starts, long Steps, TimeSpan Length, IReadOnlyList<string> Lines);

/// <summary>Runs one history: the plan, then a while without trouble, then whether all has come to rest.</summary>
internal static class Histories
{
    /// <summary>As long as anything may take that a crash left behind: leases waited out, requests lapsed.</summary>
    private static readonly TimeSpan ComesToRest = TimeSpan.FromSeconds(50);

    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(20);

    public static Judged Run(Plan plan, bool keep = false)
    {
        var world = new World(plan.Seed) { History = { Keeps = keep } };
        var cluster = new SimCluster(world, plan.Gateways, plan.Silos, keep);
        var checker = new Checker(world, cluster);
        checker.Watch();
        var ended = world.Run(() => Tell(world, cluster, checker, plan), Longest);
        if (world.Broken is { } broken)
            checker.Violate(0, $"the simulation broke: {broken}");
        else if (!ended)
            checker.Violate(0, "it did not come to an end");
        cluster.Forget();
        return new Judged(plan, world.History.Digest(), checker.Violations, checker.Operations, checker.Starts, world.Steps, world.Now, world.History.Lines);
    }

    private static async Task Tell(World world, SimCluster cluster, Checker checker, Plan plan)
    {
        var story = new Story(world, cluster, checker);
        var faults = new Faults(world, cluster);
        var traps = new Traps(world, cluster, story, faults);
        for (var place = cluster.Count - 1; place >= 0; place--)
            cluster.Start(place);
        await Until(world, cluster);

        var began = world.Now;
        var stories = new List<Task>();
        foreach (var op in plan.Ops)
        {
            if (began + op.At - world.Now is var wait && wait > TimeSpan.Zero)
                await world.Pause(wait);
            if (op.IsTrap)
                traps.Arm(op, plan.DiceOf(op));
            else if (op.IsFault)
                faults.Happen(op);
            else
                stories.Add(story.Tell(op, plan.DiceOf(op)));
        }

        if (began + plan.Length - world.Now is var rest && rest > TimeSpan.Zero)
            await world.Pause(rest);
        traps.Disarm();
        faults.Heal();
        await Task.WhenAll(stories);
        await world.Pause(ComesToRest);
        // Whatever was blocked or shut was so on purpose.
        var dice = new Dice(plan.Seed ^ 0xe4d);
        foreach (var who in People.Callers)
        {
            if (!await story.Unblocks(who, dice))
                checker.Violate(0, $"{who} cannot be unblocked");
        }

        if (!await story.AppliesPolicy(Policies.Usual, dice))
            checker.Violate(0, "the policy cannot be applied");
        await world.Pause(TimeSpan.FromSeconds(6));
        await new Settled(world, cluster, checker, story).Check(dice);
    }

    private static async Task Until(World world, SimCluster cluster)
    {
        for (var i = 0; i < 400 && Enumerable.Range(0, cluster.Count).Any(p => cluster.Up(p) is null); i++)
            await world.Pause(TimeSpan.FromMilliseconds(100));
    }
}
