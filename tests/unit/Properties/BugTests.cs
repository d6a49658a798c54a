using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Outbox;
using JitGrains.Principals;
using JitGrains.Shell;

namespace JitGrains.UnitTests.Properties;

/// <summary>That the properties can fail: machines with a bug, each of which a few hundred scripts find.</summary>
public sealed class BugTests
{
    public static TheoryData<string> OfRequests => [.. RequestBugs.Keys];

    public static TheoryData<string> OfPrincipals => [.. PrincipalBugs.Keys];

    private static readonly Dictionary<string, Func<Spec<RequestState, RequestEvent>>> RequestBugs = new()
    {
        ["a person counts twice"] = () => new Request(state => state with { Votes = [.. state.Votes.Select(v => v with { Approver = Sample.Person($"{v.Approver.Name}-once") })] }),
        ["the requester counts"] = () => new Request(state => state.Ask is { } ask ? state with { Ask = ask with { Principal = Sample.Person("nobody") } } : state),
        ["who triggered it counts"] = () => new Request(state => state.Ask is { } ask ? state with { Ask = ask with { Excluded = [] } } : state),
        ["it is decided after its time"] = () => new Request(late: TimeSpan.FromSeconds(-5)),
        ["any digest will do"] = () => new Request(state => state, anyDigest: true),
        ["a stage too few"] = () => new Request(state => state.Ask is { Terms.Stages.Length: > 1 } ask ? state with { Ask = ask with { Terms = ask.Terms with { Stages = ask.Terms.Stages[..1] } } } : state),
        ["votes have no entry"] = () => new Request(machine: new Careless<RequestState, RequestEvent>(new RequestMachine(), audit: a => a.Type != AuditTypes.VoteCast)),
        ["the grant is not sent"] = () => new Request(machine: new Careless<RequestState, RequestEvent>(new RequestMachine(), send: m => m is not OutboxMessage.IssueGrant)),
        ["it lapses early"] = () => new Request(machine: new Careless<RequestState, RequestEvent>(new RequestMachine(), early: TimeSpan.FromSeconds(1))),
        ["it never lapses"] = () => new Request(machine: new Careless<RequestState, RequestEvent>(new RequestMachine(), early: TimeSpan.FromDays(-9000))),
        ["a vote is lost when it is written"] = () => new Request(machine: new Careless<RequestState, RequestEvent>(new RequestMachine(), apply: e => e is not RequestEvent.Voted)),
    };

    private static readonly Dictionary<string, Func<Spec<PrincipalState, PrincipalEvent>>> PrincipalBugs = new()
    {
        ["uses are not counted"] = () => new Principal(g => g with { UsesLeft = g.Grant.Uses, Status = g.Status == GrantStatus.Consumed ? GrantStatus.Active : g.Status }),
        ["a revoked grant is used"] = () => new Principal(g => g with { Status = g.Status == GrantStatus.Revoked ? GrantStatus.Active : g.Status }),
        ["a grant is used after its window"] = () => new Principal(late: TimeSpan.FromMilliseconds(-1)),
        ["resources do not matter"] = () => new Principal(g => g with { Grant = g.Grant with { Binding = BindingKind.Action } }),
        ["a use has no entry"] = () => new Principal(machine: new Careless<PrincipalState, PrincipalEvent>(new PrincipalMachine(), audit: a => a.Type != AuditTypes.GrantConsumed)),
        ["a revocation has no entry"] = () => new Principal(machine: new Careless<PrincipalState, PrincipalEvent>(new PrincipalMachine(), audit: a => a.Type != AuditTypes.GrantRevoked)),
        ["the request is not told of its grant"] = () => new Principal(machine: new Careless<PrincipalState, PrincipalEvent>(new PrincipalMachine(), send: m => m is not OutboxMessage.ConfirmGrant)),
        ["grants still on their way come after all were revoked"] = () => new Principal(machine: new Careless<PrincipalState, PrincipalEvent>(new PrincipalMachine(), apply: e => e is not PrincipalEvent.AllRevoked)),
        ["an outcome is recorded twice"] = () => new Principal(machine: new Careless<PrincipalState, PrincipalEvent>(new PrincipalMachine(), apply: e => e is not PrincipalEvent.OutcomeKnown)),
    };

    [Theory]
    [MemberData(nameof(OfRequests))]
    public void A_bug_in_requests_is_found(string bug) => Assert.NotNull(PropertyRun.Search(RequestBugs[bug](), 2000, 30));

    [Theory]
    [MemberData(nameof(OfPrincipals))]
    public void A_bug_in_grants_is_found(string bug) => Assert.NotNull(PropertyRun.Search(PrincipalBugs[bug](), 2000, 30));

    [Fact]
    public void It_is_told_as_the_few_commands_that_show_it()
    {
        var told = PropertyRun.Search(PrincipalBugs["a revoked grant is used"](), 2000, 30)!;
        var steps = told.Split('\n').Skip(1).ToArray();
        Assert.InRange(steps.Length, 2, 4);
        Assert.Contains(steps, s => s.Contains("issue {", StringComparison.Ordinal));
        Assert.Contains(steps, s => s.Contains("revoke {", StringComparison.Ordinal));
    }

    private sealed class Request(
        Func<RequestState, RequestState>? sees = null, TimeSpan late = default, bool anyDigest = false, IStateMachine<RequestState, RequestEvent>? machine = null) : RequestSpec
    {
        public override IStateMachine<RequestState, RequestEvent> Machine { get; } = machine ?? new RequestMachine();

        public override Answer<RequestEvent> Decide(RequestState state, Command command, DateTimeOffset now)
        {
            var seen = sees?.Invoke(state) ?? state;
            return base.Decide(seen, anyDigest && command.Says is VoteCommand vote ? command with { Says = vote with { Digest = state.Digest } } : command, now + late);
        }
    }

    private sealed class Principal(Func<HeldGrant, HeldGrant>? sees = null, TimeSpan late = default, IStateMachine<PrincipalState, PrincipalEvent>? machine = null) : PrincipalSpec
    {
        public override IStateMachine<PrincipalState, PrincipalEvent> Machine { get; } = machine ?? new PrincipalMachine();

        public override Answer<PrincipalEvent> Decide(PrincipalState state, Command command, DateTimeOffset now)
        {
            var seen = sees is null || command.Says is not ConsumeCommand
                ? state
                : state with { Grants = state.Grants.SetItems(state.Grants.Select(g => KeyValuePair.Create(g.Key, sees(g.Value)))) };
            return base.Decide(seen, command, command.Says is ConsumeCommand ? now + late : now);
        }
    }

    /// <summary>A machine that leaves out entries, messages or changes, or wakes at the wrong time.</summary>
    private sealed class Careless<TState, TEvent>(
        IStateMachine<TState, TEvent> machine, Func<AuditDraft, bool>? audit = null, Func<OutboxMessage, bool>? send = null, Func<TEvent, bool>? apply = null, TimeSpan early = default)
        : IStateMachine<TState, TEvent>
    {
        public TState Apply(TState state, TEvent happened) => apply?.Invoke(happened) == false ? state : machine.Apply(state, happened);

        public IEnumerable<AuditDraft> Audit(TState before, TEvent happened) => machine.Audit(before, happened).Where(a => audit?.Invoke(a) != false);

        public IEnumerable<OutboxMessage> Effects(TState after, TEvent happened) => machine.Effects(after, happened).Where(m => send?.Invoke(m) != false);

        public DateTimeOffset? NextDue(TState state) => machine.NextDue(state);

        public ImmutableArray<TEvent> Tick(TState state, DateTimeOffset now) => machine.Tick(state, now + early);
    }
}
