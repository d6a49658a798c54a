using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Gateway.RequestPath;
using JitGrains.Grants;
using JitGrains.Http;
using JitGrains.Identity;
using JitGrains.Policy;
using JitGrains.Silo.Policies;
using Microsoft.AspNetCore.Http;

namespace JitGrains.GatewayTests.Calls;

/// <summary>The last look at policy before a call's first upstream byte, when another has come into force since it was decided.</summary>
public sealed class RedecisionTests : IPolicyProvider
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

    public CompiledPolicy Current { get; private set; } = Load(Before);

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

    private static CompiledPolicy Load(string text)
    {
        var result = PolicyLoader.Load([new PolicyFile("policy.yaml", text)]);
        return result.Policy ?? throw new InvalidOperationException(string.Join('\n', result.Problems));
    }

    private void Change(string change)
    {
        var parts = change.Split(" -> ");
        Assert.True(parts.Length == 1 || Before.Contains(parts[0], StringComparison.Ordinal));
        Current = Load(parts.Length == 1 ? $"{Before}\n{change}\n" : Before.Replace(parts[0], parts[1], StringComparison.Ordinal));
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
