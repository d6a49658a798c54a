using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using JitGrains.Simulation.Cluster;
using JitGrains.Simulation.Mutants;

namespace JitGrains.Simulation.Commands;

/// <summary>The command line.</summary>
internal static class Sim
{
    private const string Help =
        """
        sim --minutes N          histories of fresh seeds for N minutes; ends at the first violation
        sim --seeds A-B          the histories of these seeds; --digests prints each history's digest
        sim --seed S             one history again, with every line of it; --only 1,5,9 leaves out all ops but these
        sim --mutants [NAME]     whether each deliberate bug, or one, is caught (by ./sim, which builds them in)
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

        switch (args)
        {
            case ["--seed", var seed]:
                return Show(Plan.Of(Number(seed)));
            case ["--seed", var seed, "--only", var ops]:
                var kept = ops.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(o => int.Parse(o, CultureInfo.InvariantCulture)).ToHashSet();
                var plan = Plan.Of(Number(seed));
                return Show(plan with { Ops = plan.Ops.RemoveAll(o => !kept.Contains(o.Id)) });
            case ["--seeds", var range, ..]:
                var ends = range.Split('-');
                return Judge(Number(ends[0]), Number(ends[^1]), args.Contains("--digests"));
            case ["--minutes", var minutes]:
                return Search(TimeSpan.FromMinutes(double.Parse(minutes, CultureInfo.InvariantCulture)));
            case ["--plant", var copy]:
                return Planting.Plant(copy);
            case ["--mutants", .. var names]:
                return MutantHunt.Run(names);
            default:
                Console.WriteLine(Help);
                return args is ["--help" or "-h"] ? 0 : 2;
        }
    }

    private static ulong Number(string text) => ulong.Parse(text, CultureInfo.InvariantCulture);

    private static int Show(Plan plan)
    {
        var judged = Histories.Run(plan, keep: true);
        foreach (var line in judged.Lines)
            Console.WriteLine(line);
        foreach (var violation in judged.Violations)
            Console.WriteLine($"VIOLATION {violation}");
        Console.WriteLine($"seed {plan.Seed}: {judged.Operations} operations, {judged.Starts} calls at the upstream, {judged.Steps} steps, {judged.Length.TotalSeconds:F1} s, digest {judged.Digest}");
        return judged.Violations.Count == 0 ? 0 : 1;
    }

    private static int Judge(ulong first, ulong last, bool digests)
    {
        var count = new Count();
        for (var seed = first; seed <= last; seed++)
        {
            var judged = count.Add(Histories.Run(Plan.Of(seed)));
            if (digests)
                Console.WriteLine($"seed {seed} digest {judged.Digest}");
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
            var judged = count.Add(Histories.Run(Plan.Of(seed)));
            if (Stopwatch.GetElapsedTime(said) > TimeSpan.FromSeconds(10))
            {
                Console.WriteLine(count);
                said = Stopwatch.GetTimestamp();
            }

            if (judged.Violations.Count == 0)
                continue;
            Tell(judged);
            var least = Shrinking.Shrink(judged, Console.WriteLine);
            Console.WriteLine($"The shortest history that still fails: seed {seed}, {least.Plan.Ops.Length} of {judged.Plan.Ops.Length} ops:");
            foreach (var op in least.Plan.Ops)
                Console.WriteLine($"  {op.Id}: {op}");
            Tell(least);
            Console.WriteLine($"./sim --seed {seed} --only {string.Join(',', least.Plan.Ops.Select(o => o.Id).DefaultIfEmpty(-1))}");
            return 1;
        }

        Console.WriteLine(count);
        return 0;
    }

    private static void Tell(Judged judged)
    {
        if (judged.Violations.Count == 0)
            return;
        Console.WriteLine($"seed {judged.Plan.Seed} FAILED");
        foreach (var violation in judged.Violations.Take(5))
            Console.WriteLine($"  {violation}");
    }

    private sealed class Count
    {
        private readonly long began = Stopwatch.GetTimestamp();
        private long operations;
        private long starts;
        private long steps;
        private int histories;

        public int Failed { get; private set; }

        public Judged Add(Judged judged)
        {
            histories++;
            (operations, starts, steps) = (operations + judged.Operations, starts + judged.Starts, steps + judged.Steps);
            if (judged.Violations.Count > 0)
                Failed++;
            return judged;
        }

        public override string ToString() =>
            $"judged {histories} histories, {operations} operations, {starts} calls at the upstream, {steps} steps, {Failed} with violations in {Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s";
    }
}
