using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using JitGrains.Simulation.Cluster;
using JitGrains.Simulation.Edges;
using JitGrains.Simulation.Exploring;
using JitGrains.Simulation.Mutants;

namespace JitGrains.Simulation.Commands;

/// <summary>The command line.</summary>
internal static class Sim
{
    private const string Repeats = "--repeats";

    private const string Help =
        """
        sim --minutes N          histories of fresh seeds for N minutes; ends at the first violation
        sim --seeds A-B          the histories of these seeds; --digests prints each history's digest
        sim --situations A-B     those of these seeds in each of the situations
        sim --seed S             one history again, with every line of it; --only 1,5,9 leaves out all ops but these
        sim --seed S --shrink    the shortest history of it that still fails
        sim --mutants [NAME]     whether each deliberate bug, or one, is caught (by ./sim, which builds them in)
        sim explore [--deeper N] every interleaving in small worlds, N steps deeper than in the tests
        """;

    public static int Run(string[] args)
    {
        var policy = Path.Combine(AppContext.BaseDirectory, "policy.yaml");
        if (!File.Exists(policy) || File.ReadAllText(policy) != Policies.Text(Policies.Usual))
        {
            var draft = $"{policy}.{Environment.ProcessId}";
            File.WriteAllText(draft, Policies.Text(Policies.Usual));
            File.Move(draft, policy, overwrite: true);
        }

        // A bug of the simulation's own connections: what there is to be found where the product has none.
        SimUpstream.Repeats = args.Contains(Repeats);
        switch (args.Where(a => a != Repeats).ToArray())
        {
            case ["--seed", var seed]:
                return Show(Plan.Of(seed));
            case ["--seed", var seed, "--only", var ops]:
                var kept = ops.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(o => int.Parse(o, CultureInfo.InvariantCulture)).ToHashSet();
                var plan = Plan.Of(seed);
                return Show(plan with { Ops = plan.Ops.RemoveAll(o => !kept.Contains(o.Id)) });
            case ["--seed", var seed, "--shrink"]:
                var whole = Histories.Run(Plan.Of(seed));
                if (whole.Violations.Count == 0)
                    Console.WriteLine($"seed {seed} does not fail");
                else
                    TellLeast(whole);
                return whole.Violations.Count == 0 ? 0 : 1;
            case ["--seeds", var range, ..]:
                return Judge(Seeds(range).Select(Plan.Of), args.Contains("--digests"));
            case ["--situations", var range, ..]:
                return Judge(Situations.Names.SelectMany(n => Seeds(range).Select(s => Situations.Plan(n, s))), args.Contains("--digests"));
            case ["--minutes", var minutes]:
                return Search(TimeSpan.FromMinutes(double.Parse(minutes, CultureInfo.InvariantCulture)));
            case ["explore"]:
                return Exploration.Show(0);
            case ["explore", "--deeper", var steps]:
                return Exploration.Show(int.Parse(steps, CultureInfo.InvariantCulture));
            case ["--plant", var copy]:
                return Planting.Plant(copy);
            case ["--mutants", .. var names]:
                return MutantHunt.Run(names);
            default:
                Console.WriteLine(Help);
                return args is ["--help" or "-h"] ? 0 : 2;
        }
    }

    private static IEnumerable<ulong> Seeds(string range)
    {
        var ends = range.Split('-').Select(e => ulong.Parse(e, CultureInfo.InvariantCulture)).ToArray();
        for (var seed = ends[0]; seed <= ends[^1]; seed++)
            yield return seed;
    }

    private static int Show(Plan plan)
    {
        var judged = Histories.Run(plan, keep: true);
        foreach (var line in judged.Lines)
            Console.WriteLine(line);
        foreach (var violation in judged.Violations)
            Console.WriteLine($"VIOLATION {violation}");
        Console.WriteLine($"seed {plan.Name}: {judged.Operations} operations, {judged.Starts} calls at the upstream, {judged.Steps} steps, {judged.Length.TotalSeconds:F1} s, digest {judged.Digest}");
        return judged.Violations.Count == 0 ? 0 : 1;
    }

    private static int Judge(IEnumerable<Plan> plans, bool digests)
    {
        var count = new Count();
        foreach (var plan in plans)
        {
            var judged = count.Add(Histories.Run(plan));
            if (digests)
                Console.WriteLine($"seed {plan.Name} digest {judged.Digest}");
            Tell(judged);
        }

        Console.WriteLine(count);
        return count.Failed == 0 ? 0 : 1;
    }

    /// <summary>Fresh seeds until one fails or the time is over.</summary>
    private static int Search(TimeSpan time)
    {
        var count = new Count();
        var began = Stopwatch.GetTimestamp();
        var said = began;
        while (Stopwatch.GetElapsedTime(began) < time)
        {
            var seed = (ulong)RandomNumberGenerator.GetInt32(1, int.MaxValue);
            var judged = count.Add(Histories.Run(Plan.Next(count.Histories + 1, seed)));
            if (Stopwatch.GetElapsedTime(said) > TimeSpan.FromSeconds(10))
            {
                Console.WriteLine(count);
                said = Stopwatch.GetTimestamp();
            }

            if (judged.Violations.Count == 0)
                continue;
            TellLeast(judged);
            return 1;
        }

        Console.WriteLine(count);
        return 0;
    }

    /// <summary>What is wrong with it, and what is left of it when whatever it fails without is left out.</summary>
    private static void TellLeast(Judged judged)
    {
        Tell(judged);
        var least = Shrinking.Shrink(judged, Console.WriteLine);
        Console.WriteLine($"The shortest history that still fails: seed {judged.Plan.Name}, {least.Plan.Ops.Length} of {judged.Plan.Ops.Length} ops:");
        foreach (var op in least.Plan.Ops)
            Console.WriteLine($"  {op.Id}: {op}");
        Tell(least);
        Console.WriteLine($"./sim --seed {judged.Plan.Name} --only {string.Join(',', least.Plan.Ops.Select(o => o.Id).DefaultIfEmpty(-1))}");
    }

    private static void Tell(Judged judged)
    {
        if (judged.Violations.Count == 0)
            return;
        Console.WriteLine($"seed {judged.Plan.Name} FAILED");
        foreach (var violation in judged.Violations.Take(5))
            Console.WriteLine($"  {violation}");
    }

    private sealed class Count
    {
        private readonly long began = Stopwatch.GetTimestamp();
        private long operations;
        private long starts;
        private long steps;
        public int Histories { get; private set; }

        public int Failed { get; private set; }

        public Judged Add(Judged judged)
        {
            Histories++;
            (operations, starts, steps) = (operations + judged.Operations, starts + judged.Starts, steps + judged.Steps);
            if (judged.Violations.Count > 0)
                Failed++;
            return judged;
        }

        public override string ToString() =>
            $"judged {Histories} histories, {operations} operations, {starts} calls at the upstream, {steps} steps, {Failed} with violations in {Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s";
    }
}
