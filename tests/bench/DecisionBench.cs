using System.Diagnostics;
using System.Globalization;
using System.Net;
using JitGrains.Approvals;
using JitGrains.Gateway.Grants;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.RequestPath;
using JitGrains.Gateway.Telemetry;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Network;
using JitGrains.Policy;
using JitGrains.Runtime.Engine;

namespace JitGrains.Bench;

/// <summary>
/// A decision from memory: action, policy, and for an approve rule the grant; nanoseconds and bytes, with few and many rules and
/// grants, callers and actions at random. In the order of a gateway: what it is, who calls, what policy says, and the grant.
/// Who calls is known before anything is decided: what a token's look-up has just read of the caller is at hand, unless a row
/// says otherwise. The caller's grants are where a random caller's are.
/// </summary>
internal static class DecisionBench
{
    private const int GrantsOfOne = 10;
    private const int Decisions = 200_000;
    private const int Batch = 16;
    private const int Rounds = 7;
    private static readonly DateTimeOffset Now = TimeProvider.System.GetUtcNow();

    public static async Task<int> RunAsync(int most)
    {
        Console.WriteLine($"{Decisions:N0} decisions a round, {Rounds} interleaved rounds, medians; one thread; {GrantsOfOne} grants a caller.");
        var policies = new[] { 10, 10_000 }.ToDictionary(n => n, n => DecisionPolicy.Load(n));
        await using var few = Memory.Fill(10);
        await using var many = Memory.Fill(most);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"memory of a cached grant, with its share of what is kept for its caller: {many.BytesOfOne:N0} bytes"));
        Console.WriteLine();

        var rows = new List<Row>();
        foreach (var (rules, policy) in policies)
        {
            rows.Add(new Row($"allow, {rules:N0} rules", () => Decide(policy, many, 0, DecisionPolicy.Actions / 2, atHand: true)));
            foreach (var memory in (Memory[])[few, many])
                rows.Add(new Row($"grant, {rules:N0} rules, {memory.Grants:N0} grants", () => Decide(policy, memory, DecisionPolicy.Actions / 2, GrantsOfOne, atHand: true)));
            rows.Add(new Row($"grant, {rules:N0} rules, {many.Grants:N0} grants, the caller read too", () => Decide(policy, many, DecisionPolicy.Actions / 2, GrantsOfOne, atHand: false)));
        }

        // Compiled once more while the first rounds run, which do not count. One policy after the other: a gateway has one at a time,
        // and remembers what grants stood under it.
        foreach (var ofPolicy in rows.Chunk(rows.Count / policies.Count))
        {
            for (var round = -4; round < Rounds; round++)
            {
                foreach (var row in ofPolicy)
                    row.Measure(counts: round >= 0);
            }
        }

        Print(rows);
        return 0;
    }

    private static void Print(List<Row> rows)
    {
        Console.WriteLine("| decision | ns | bytes |");
        Console.WriteLine("|---|---:|---:|");
        foreach (var row in rows)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {row.Name} | {row.Nanoseconds:0} | {Math.Max(0, row.Bytes):0.##} |"));
        Console.WriteLine();
        Ratio(rows, "allow, 10,000 rules", "allow, 10 rules");
        foreach (var row in rows.Where(r => r.Name.StartsWith("grant", StringComparison.Ordinal)).Skip(1))
            Ratio(rows, row.Name, rows.First(r => r.Name.StartsWith("grant", StringComparison.Ordinal)).Name);
    }

    private static void Ratio(List<Row> rows, string one, string other)
    {
        double Of(string name) => rows.Single(r => r.Name == name).Nanoseconds;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ratio {one}/{other} {Of(one) / Of(other):0.00}"));
    }

    /// <summary>Decides calls of callers at random for actions at random; each must be permitted. Ticks of the time that deciding took.</summary>
    private static long Decide(CompiledPolicy policy, Memory memory, int firstAction, int actions, bool atHand)
    {
        var calls = memory.CallsUnder(policy);
        var callers = new Caller[Batch];
        var (random, ticks, seen) = (12345u, 0L, 0L);
        for (var done = 0; done < Decisions; done += Batch)
        {
            foreach (ref var caller in callers.AsSpan())
            {
                random = (random * 1_664_525) + 1_013_904_223;
                caller = memory.Callers[(int)((random >> 4) % (uint)memory.Callers.Length)];
                if (atHand)
                    seen += (caller.Noted is null ? 1 : 0) + (long)caller.KeyHash.A + caller.Principal.Value.Length + caller.Actors.Length + (caller.Groups.Contains("dev:team0") ? 1 : 0);
            }

            var began = Stopwatch.GetTimestamp();
            foreach (var caller in callers)
            {
                random = (random * 1_664_525) + 1_013_904_223;
                DecideOne(policy, memory, caller, calls[firstAction + (int)((random >> 9) % (uint)actions)]);
            }

            ticks += Stopwatch.GetTimestamp() - began;
        }

        return seen == 0 && atHand ? 0 : ticks;
    }

    private static void DecideOne(CompiledPolicy policy, Memory memory, Caller caller, BoundCall bound)
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

    private sealed class Row(string name, Func<long> run)
    {
        private readonly List<double> times = [];
        private long bytes;

        public string Name => name;

        public double Nanoseconds => times.Order().ElementAt(times.Count / 2);

        public double Bytes => bytes / (double)(times.Count * Decisions);

        public void Measure(bool counts)
        {
            var allocated = GC.GetAllocatedBytesForCurrentThread();
            var ticks = run();
            if (!counts)
                return;
            times.Add(Stopwatch.GetElapsedTime(0, ticks).TotalNanoseconds / Decisions);
            // But for the batch's own array.
            bytes += GC.GetAllocatedBytesForCurrentThread() - allocated - ((Batch * IntPtr.Size) + 24);
        }
    }

    /// <summary>A gateway's memory of callers and their grants, filled as it fills itself but for reading them and for checking signatures, which take minutes for so many.</summary>
    private sealed class Memory : IAsyncDisposable
    {
        private readonly Dictionary<CompiledPolicy, BoundCall[]> calls = [];
        private WebApplication app = null!;
        private string folder = null!;

        public int Grants { get; private init; }

        public double BytesOfOne { get; private set; }

        public Caller[] Callers { get; private init; } = [];

        public CallOrigin Origin { get; } = new(IPAddress.Parse("10.1.2.3"));

        public GrantTable Table { get; } = new();

        public GrantMemory Kept { get; } = new();

        public GatewayMetrics Metrics { get; private set; } = null!;

        public GrantChoice Choice { get; private set; } = null!;

        public static Memory Fill(int grants)
        {
            var memory = new Memory { Grants = grants, Callers = [.. Enumerable.Range(0, Math.Max(1, grants / GrantsOfOne)).Select(DecisionPolicy.Caller)] };
            memory.folder = Directory.CreateTempSubdirectory("jitgrains-bench-").FullName;
            memory.app = GatewayHost.Build(
                ["--quickstart", "--data", memory.folder, "--port", "0", "--control-port", "0", "--sample-port", "0"],
                builder => builder.Logging.ClearProviders());
            memory.Choice = memory.app.Services.GetRequiredService<GrantChoice>();
            memory.Metrics = memory.app.Services.GetRequiredService<GatewayMetrics>();
            var epoch = memory.app.Services.GetRequiredService<IStoreEpoch>().Current;
            foreach (var caller in memory.Callers)
                _ = caller.Key;
            var before = GC.GetTotalMemory(forceFullCollection: true);
            foreach (var caller in memory.Callers)
                memory.Table.Put(caller.KeyHash, new GrantPacker(memory.Kept.Texts).Pack(caller.KeyHash, [.. Enumerable.Range(DecisionPolicy.Actions / 2, GrantsOfOne).Select(action => GrantOf(caller, action, epoch))]));
            memory.BytesOfOne = (GC.GetTotalMemory(forceFullCollection: true) - before) / (double)grants;
            return memory;
        }

        /// <summary>The calls for each action; who makes them is looked up apart.</summary>
        public BoundCall[] CallsUnder(CompiledPolicy policy)
        {
            if (calls.TryGetValue(policy, out var made))
                return made;
            return calls[policy] = [.. Enumerable.Range(0, DecisionPolicy.Actions).Select(i =>
            {
                var request = DecisionPolicy.Request(i);
                var found = (ActionMatch.Found)policy.Match(request, null);
                return new BoundCall(new Call { Context = new DefaultHttpContext(), Request = request, Caller = Callers[0], Policy = policy, Match = found, Origin = Origin }, null);
            })];
        }

        public async ValueTask DisposeAsync()
        {
            await app.DisposeAsync();
            Directory.Delete(folder, recursive: true);
        }

        private static ActiveGrant GrantOf(Caller caller, int action, string epoch)
        {
            var request = $"rq_{Guid.NewGuid():N}"[..29];
            return new ActiveGrant(
                new Grant
                {
                    Id = Grant.IdFor(request),
                    RequestId = request,
                    Principal = caller.Principal,
                    Actors = caller.Actors,
                    Api = "api",
                    Action = $"a{action}",
                    Binding = BindingKind.Action,
                    NotBefore = Now,
                    ExpiresAt = Now.AddDays(1),
                    Rule = "needs-one",
                    PolicyVersion = "sha256-0123456789abcdef",
                    Epoch = epoch,
                    Votes = [new RecordedVote { Approver = new PrincipalId("dev:user:bob"), Groups = ["dev:team1"], Decision = VoteDecision.Approve, At = Now }],
                },
                null);
        }
    }
}
