using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Gateway.Executions;
using JitGrains.Gateway.Leases;
using JitGrains.Gateway.RequestPath;
using JitGrains.Gateways;
using JitGrains.Grants;
using JitGrains.Http;
using JitGrains.Identity;
using JitGrains.Policy;
using JitGrains.Silo.Policies;
using JitGrains.Silo.Revocation;
using Microsoft.AspNetCore.Http;

namespace JitGrains.GatewayTests.Calls;

/// <summary>The last look at policy before a call's first upstream byte, when another has come into force since it was decided.</summary>
public sealed class RedecisionTests : IPolicyProvider, IInvalidationTarget
{
    private const string Before = """
        version: 1
        realm: dev
        groups: {engineering: {}, managers: {}}
        apis:
          orders:
            upstreams: ["http://127.0.0.1:9"]
            actions:
              orders.read: {methods: [GET], path: "/orders/{order}"}
              orders.delete: {methods: [DELETE], path: "/orders/{order}", binding: action}
        rules:
          - {name: read, who: {groups: [engineering]}, actions: {names: [orders.read]}, effect: allow}
          - name: deletes
            who: {groups: [engineering]}
            actions: {names: [orders.delete]}
            effect: approve
            approve: {stages: [{groups: [managers], quorum: 1}], uses: unlimited}
        """;

    public event EventHandler<PolicyChangedEventArgs>? Changed
    {
        add { }
        remove { }
    }

    private volatile CompiledPolicy current = Load(Before);
    private string? toLoad;

    public CompiledPolicy Current => current;

    public PolicyStatus Status => throw new NotSupportedException();

    [Theory]
    [InlineData("# the same", true)]
    [InlineData("effect: allow -> effect: deny", false)]
    [InlineData("groups: [engineering]}, actions: {names: [orders.read]} -> groups: [managers]}, actions: {names: [orders.read]}", false)]
    [InlineData("orders.read: {methods: [GET], path: \"/orders/{order}\"} -> orders.read: {methods: [GET], path: \"/o/{order}\"}", false)]
    public void An_allowed_call_goes_on_only_where_it_is_still_allowed(string change, bool goesOn)
    {
        var call = CallOf("GET", "/orders/1");
        var again = new Redecision(this, TimeProvider.System);
        Assert.True(again.StillForwards(call));
        Change(change);
        Assert.Equal(goesOn, again.StillForwards(call));
    }

    [Theory]
    [InlineData("# the same", true)]
    [InlineData("quorum: 1 -> quorum: 2", false)]
    [InlineData("stages: [{groups: [managers] -> stages: [{groups: [engineering]", false)]
    [InlineData("binding: action -> binding: resource", false)]
    [InlineData("who: {groups: [engineering]}\n    actions: {names: [orders.delete]} -> who: {groups: [managers]}\n    actions: {names: [orders.delete]}", false)]
    public void A_call_runs_under_a_grant_only_where_it_still_stands(string change, bool goesOn)
    {
        var call = CallOf("DELETE", "/orders/1");
        var grant = TestSupport.Sample.Grant() with
        {
            Votes = [new RecordedVote { Approver = new PrincipalId("dev:user:bob"), Groups = ["dev:managers"], Decision = VoteDecision.Approve, At = DateTimeOffset.UnixEpoch }],
        };
        var again = new Redecision(this, TimeProvider.System);
        Assert.True(again.StillStands(call, grant));
        Change(change);
        Assert.Equal(goesOn, again.StillStands(call, grant));
    }

    [Theory]
    [InlineData("# the same", false)]
    [InlineData("effect: allow -> effect: deny", true)]
    public async Task What_passed_its_last_check_by_another_policy_is_cut_and_waited_for_unless_it_stands(string change, bool isCut)
    {
        var (registry, drain, again) = Drain();
        using var waits = registry.Register(CallOf("GET", "/orders/1").Caller, null, drain: false);
        waits.Call = CallOf("GET", "/orders/1");
        using var runs = registry.Register(waits.Caller, null, drain: false);
        runs.Call = waits.Call;
        Assert.True(runs.TryStart());
        runs.Started();
        var starts = registry.Register(waits.Caller, null, drain: true);
        starts.Call = waits.Call;
        Assert.True(starts.TryStart() && again.StillForwards(starts.Call));

        toLoad = change;
        var applied = drain.ApplyAsync(new Invalidation.Policy(2, "v2"), CancellationToken.None).AsTask();
        Assert.Equal((isCut, !isCut), (starts.Token.IsCancellationRequested, applied.IsCompleted));
        Assert.Equal(isCut ? "policy-changed" : null, starts.EndedBy);
        starts.Dispose();
        await applied.WaitAsync(TimeSpan.FromMinutes(2));
        Assert.False(waits.Token.IsCancellationRequested || runs.Token.IsCancellationRequested);
        // The last check is still before it.
        Assert.Equal(!isCut, waits.TryStart() && again.StillForwards(waits.Call));
    }

    [Fact]
    public async Task No_byte_goes_out_by_an_older_policy_once_the_newer_is_acknowledged()
    {
        var deny = Load(Before.Replace("effect: allow", "effect: deny", StringComparison.Ordinal));
        var (registry, drain, again) = Drain();
        var call = CallOf("GET", "/orders/1");
        for (var round = 0; round < 2_000; round++)
        {
            current = call.Policy;
            var (passed, acknowledged) = (0, 0);
            var late = false;
            // In every other round the news comes when the call is known to be between its last check and its first byte.
            var between = round % 2 == 0;
            var execution = registry.Register(call.Caller, null, drain: false);
            execution.Call = call;
            var sent = Task.Run(() =>
            {
                var goesOn = execution.TryStart() && again.StillForwards(call);
                Volatile.Write(ref passed, 1);
                if (goesOn)
                {
                    SpinWait.SpinUntil(() => between && Volatile.Read(ref acknowledged) == 1, TimeSpan.FromMilliseconds(between ? 1 : 0));
                    late = Volatile.Read(ref acknowledged) == 1;
                    execution.Started();
                }

                execution.Dispose();
            });
            var told = Task.Run(async () =>
            {
                SpinWait.SpinUntil(() => !between || Volatile.Read(ref passed) == 1);
                current = deny;
                await drain.ApplyAsync(new Invalidation.Policy(2, "v2"), CancellationToken.None);
                Volatile.Write(ref acknowledged, 1);
            });
            await Task.WhenAll(sent, told).WaitAsync(TimeSpan.FromMinutes(2));
            Assert.False(late);
        }
    }

    /// <summary>Loads what is to be loaded, as a provider does that is told of another version.</summary>
    public ValueTask ApplyAsync(Invalidation what, CancellationToken cancellationToken)
    {
        if (toLoad is { } change)
            Change(change);
        return ValueTask.CompletedTask;
    }

    private (ExecutionRegistry Registry, PolicyDrain Drain, Redecision Again) Drain()
    {
        var registry = new ExecutionRegistry(null!, new Live(), LeaseTime.Machine);
        var again = new Redecision(this, TimeProvider.System);
        return (registry, new PolicyDrain(this, again, registry), again);
    }

    private sealed class Live : IGatewayLease
    {
        public bool IsLive => true;

        public bool MayAllow => true;

        public string Incarnation => "gw_1";
    }

    private static CompiledPolicy Load(string text)
    {
        var result = PolicyLoader.Load([new PolicyFile("policy.yaml", text)]);
        return result.Policy ?? throw new InvalidOperationException(string.Join('\n', result.Problems));
    }

    private void Change(string change)
    {
        var parts = change.Split(" -> ");
        Assert.True(parts.Length == 1 || Before.Contains(parts[0], StringComparison.Ordinal));
        current = Load(parts.Length == 1 ? $"{Before}\n{change}\n" : Before.Replace(parts[0], parts[1], StringComparison.Ordinal));
    }

    private Call CallOf(string method, string target)
    {
        var raw = new RawRequest { Method = method, Target = target, Scheme = "http", Protocol = "HTTP/1.1", Headers = [new HeaderLine("Host", "orders.example.com")] };
        Assert.True(RequestParser.Parse(raw).TryGet(out var request, out _));
        var caller = new Caller
        {
            Principal = new PrincipalId("dev:user:alice"),
            Groups = ImmutableHashSet.Create("dev:engineering"),
            TokenIssuedAt = DateTimeOffset.UnixEpoch,
            TokenExpiresAt = DateTimeOffset.MaxValue,
        };
        return new Call
        {
            Context = new DefaultHttpContext(),
            Request = request,
            Caller = caller,
            Policy = Current,
            Match = Assert.IsType<ActionMatch.Found>(Current.Match(request, null)),
        };
    }
}
