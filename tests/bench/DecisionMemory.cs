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

/// <summary>A gateway's memory of callers and their grants, filled as it fills itself but for reading them and for checking signatures, which take minutes for so many.</summary>
internal sealed class DecisionMemory : IAsyncDisposable
{
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

    public static DecisionMemory Fill(int grants, int grantsOfOne)
    {
        var memory = new DecisionMemory { Grants = grants, Callers = [.. Enumerable.Range(0, Math.Max(1, grants / grantsOfOne)).Select(DecisionPolicy.Caller)] };
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
            memory.Table.Put(caller.KeyHash, new GrantPacker(memory.Kept.Texts).Pack(caller.KeyHash, [.. Enumerable.Range(DecisionPolicy.Actions / 2, grantsOfOne).Select(action => GrantOf(caller, action, epoch))]));
        memory.BytesOfOne = (GC.GetTotalMemory(forceFullCollection: true) - before) / (double)grants;
        return memory;
    }

    /// <summary>The calls for each action; who makes them is looked up apart.</summary>
    public BoundCall[] CallsUnder(CompiledPolicy policy) =>
        [.. Enumerable.Range(0, DecisionPolicy.Actions).Select(i =>
        {
            var request = DecisionPolicy.Request(i);
            var found = (ActionMatch.Found)policy.Match(request, null);
            return new BoundCall(new Call { Context = new DefaultHttpContext(), Request = request, Caller = Callers[0], Policy = policy, Match = found, Origin = Origin }, null);
        })];

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    private static ActiveGrant GrantOf(Caller caller, int action, string epoch)
    {
        var now = TimeProvider.System.GetUtcNow();
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
                NotBefore = now,
                ExpiresAt = now.AddDays(1),
                Rule = "needs-one",
                PolicyVersion = "sha256-0123456789abcdef",
                Epoch = epoch,
                Votes = [new RecordedVote { Approver = new PrincipalId("dev:user:bob"), Groups = ["dev:team1"], Decision = VoteDecision.Approve, At = now }],
            },
            null);
    }
}
