using System.Globalization;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using JitGrains.Gateway.Grants;
using JitGrains.Gateway.RequestPath;
using JitGrains.Identity;
using JitGrains.Policy;
using Perfolizer.Horology;

namespace JitGrains.Bench;

/// <summary>
/// A decision from memory: action, policy, and for an approve rule the grant; nanoseconds and bytes, with few and many rules and
/// grants, callers and actions at random. In the order of a gateway: what it is, who calls, what policy says, and the grant.
/// Who calls is known before anything is decided: what a token's look-up has just read of the caller is at hand, unless a row
/// says otherwise. The caller's grants are where a random caller's are. Measured by BenchmarkDotNet, in this process: its own would
/// fill the memory anew for each row.
/// </summary>
internal static class DecisionBench
{
    /// <summary>So many calls are decided at once, of callers that were just read.</summary>
    public const int Batch = 16;

    private const int GrantsOfOne = 10;
    private static readonly DateTimeOffset Now = TimeProvider.System.GetUtcNow();
    private static readonly PausedClock Clock = new();
    private static readonly Caller[] Chosen = new Caller[Batch];
    private static uint random = 12345;
    private static long seen;

    /// <summary>What is measured, in the order in which it is shown.</summary>
    public static IReadOnlyList<DecisionRow> Rows { get; private set; } = [];

    public static async Task<int> RunAsync(int most)
    {
        Console.WriteLine($"One thread; {GrantsOfOne} grants a caller.");
        await using var few = DecisionMemory.Fill(10, GrantsOfOne);
        await using var many = DecisionMemory.Fill(most, GrantsOfOne);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"memory of a cached grant, with its share of what is kept for its caller: {many.BytesOfOne:N0} bytes"));
        Console.WriteLine();

        var rows = new List<DecisionRow>();
        foreach (var rules in new[] { 10, 10_000 })
        {
            var policy = DecisionPolicy.Load(rules);
            var calls = many.CallsUnder(policy);
            var (allowed, granted) = (calls[..(DecisionPolicy.Actions / 2)], calls[(DecisionPolicy.Actions / 2)..][..GrantsOfOne]);
            rows.Add(new DecisionRow($"allow, {rules:N0} rules", () => { }, () => DecideBatch(policy, many, allowed, atHand: true)));
            foreach (var memory in (DecisionMemory[])[few, many])
                rows.Add(new DecisionRow($"grant, {rules:N0} rules, {memory.Grants:N0} grants", () => DecideAll(policy, memory, granted), () => DecideBatch(policy, memory, granted, atHand: true)));
            rows.Add(new DecisionRow($"grant, {rules:N0} rules, {many.Grants:N0} grants, the caller read too", () => DecideAll(policy, many, granted), () => DecideBatch(policy, many, granted, atHand: false)));
        }

        Rows = rows;
        // Compiled as in a gateway that has run for a while, before anything is measured.
        for (var round = 0; round < 4; round++)
        {
            foreach (var row in rows)
            {
                for (var i = 0; i < 5_000; i++)
                    row.Run();
            }
        }

        var artifacts = Directory.CreateTempSubdirectory("jitgrains-bench-").FullName;
        try
        {
            return Measure(artifacts);
        }
        finally
        {
            Directory.Delete(artifacts, recursive: true);
        }
    }

    private static int Measure(string artifacts)
    {
        var said = new AccumulationLogger();
        var job = Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithClock(Clock)
            .WithWarmupCount(6).WithIterationCount(15).WithIterationTime(TimeInterval.FromMilliseconds(150)).WithGcForce(false);
        var summary = BenchmarkRunner.Run<DecisionBenchmark>(
            ManualConfig.CreateEmpty().AddJob(job).AddDiagnoser(MemoryDiagnoser.Default).AddLogger(said).WithArtifactsPath(artifacts));
        if (summary.HasCriticalValidationErrors || summary.Reports.Length != Rows.Count || summary.Reports.Any(r => r.ResultStatistics is null))
        {
            Console.Error.WriteLine(said.GetLog());
            return 1;
        }

        Print(summary.Reports.ToDictionary(RowOf));
        return 0;
    }

    private static DecisionRow RowOf(BenchmarkReport report) => (DecisionRow)report.BenchmarkCase.Parameters[nameof(DecisionBenchmark.Row)];

    private static void Print(Dictionary<DecisionRow, BenchmarkReport> reports)
    {
        Console.WriteLine("| decision | ns | standard deviation | bytes |");
        Console.WriteLine("|---|---:|---:|---:|");
        foreach (var row in Rows)
        {
            var report = reports[row];
            var statistics = report.ResultStatistics!;
            var bytes = report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase) ?? 0;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {row} | {statistics.Mean:0} | {statistics.StandardDeviation:0} | {bytes} |"));
        }

        Console.WriteLine();
        double Of(string name) => reports.Single(r => r.Key.Name == name).Value.ResultStatistics!.Mean;
        void Ratio(string one, string other) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ratio {one}/{other} {Of(one) / Of(other):0.00}"));
        Ratio("allow, 10,000 rules", "allow, 10 rules");
        var grants = Rows.Where(r => r.Name.StartsWith("grant", StringComparison.Ordinal)).ToArray();
        foreach (var row in grants.Skip(1))
            Ratio(row.Name, grants[0].Name);
    }

    /// <summary>Decides calls of callers at random; each must be permitted.</summary>
    private static void DecideBatch(CompiledPolicy policy, DecisionMemory memory, BoundCall[] calls, bool atHand)
    {
        if (atHand)
            Clock.Pause();
        foreach (ref var caller in Chosen.AsSpan())
        {
            random = (random * 1_664_525) + 1_013_904_223;
            caller = memory.Callers[(int)((random >> 4) % (uint)memory.Callers.Length)];
            if (atHand)
                seen += (caller.Noted is null ? 1 : 0) + (long)caller.KeyHash.A + caller.Principal.Value.Length + caller.Actors.Length + (caller.Groups.Contains("dev:team0") ? 1 : 0);
        }

        if (atHand)
            Clock.GoOn();
        foreach (var caller in Chosen)
        {
            random = (random * 1_664_525) + 1_013_904_223;
            DecideOne(policy, memory, caller, calls[(int)((random >> 9) % (uint)calls.Length)]);
        }
    }

    /// <summary>Decides each call of each caller: a gateway remembers what grants stood under the policy that it has.</summary>
    private static void DecideAll(CompiledPolicy policy, DecisionMemory memory, BoundCall[] calls)
    {
        foreach (var caller in memory.Callers)
        {
            foreach (var call in calls)
                DecideOne(policy, memory, caller, call);
        }
    }

    private static void DecideOne(CompiledPolicy policy, DecisionMemory memory, Caller caller, BoundCall bound)
    {
        var outline = policy.Outline(bound.Call.Request);
        if (outline.Match is not ActionMatch.Found found)
            throw new InvalidOperationException("the action is not found");
        if (policy.MayDemandGrant(found.Action))
            GrantTable.Expect(caller, found);
        var decision = policy.Evaluate(new PolicyInput { Caller = caller, Api = found.Api, Action = found.Action, Captures = found.Captures, Request = bound.Call.Request, Origin = memory.Origin, Now = Now });
        if (decision is PolicyDecision.Allow)
            return;
        var data = memory.Table.Find(caller);
        memory.Metrics.ViewLookup(hit: true);
        if (data is null || decision is not PolicyDecision.Approve approve || memory.Choice.Find(new GrantsSnapshot(data, memory.Kept), caller, found, null, approve.Terms, null) < 0)
            throw new InvalidOperationException("it is not permitted");
    }
}
