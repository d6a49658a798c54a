using System.Collections.Immutable;
using FsCheck;
using FsCheck.Fluent;
using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Outbox;
using JitGrains.Principals;
using JitGrains.Shell;

namespace JitGrains.UnitTests.Properties;

/// <summary>A caller's asks and grants: asked for, issued (twice, late, after a revocation), used from several gateways, ended in every way.</summary>
internal class PrincipalSpec : Spec<PrincipalState, PrincipalEvent>
{
    private sealed record Issuing(Grant Grant);

    private sealed record Releasing(string GrantId);

    public override IStateMachine<PrincipalState, PrincipalEvent> Machine { get; } = new PrincipalMachine();

    public override Gen<Command> Commands => Gen.Frequency(
        (4, Asks.Select(a => new Command("ask", a))),
        (5, Grants.Select(g => new Command("issue", new Issuing(g)))),
        (9, Uses.Select(u => new Command("consume", u))),
        (4, Outcomes.Select(o => new Command("outcome", o))),
        (2, Revocations.Select(r => new Command("revoke", r))),
        (1, Any.Id("gr", 3).Select(g => new Command("release", new Releasing(g)))),
        (2, Closings.Select(c => new Command("request-closed", c))),
        (1, Any.Id("rq", 3).Select(r => new Command("cancel", new CancelRequestCommand(r, Sample.Alice)))));

    private static Gen<string> Resource => Any.Text("order=1", "order=2", "order=3");

    private static Gen<AskCommand> Asks =>
        from id in Gen.Choose(1, 5)
        from resource in Resource
        from decide in Any.Span(60, 600)
        from named in Gen.Frequency((8, Gen.Constant<string?>(null)), (2, Any.Id("rq", 3).Select(string? (r) => r)))
        select new AskCommand(Sample.Ask(id, resource: resource, terms: Sample.Terms() with { DecideWithin = decide }), named);

    /// <summary>One id is always one grant, as the request that makes it is one.</summary>
    private static Gen<Grant> Grants =>
        from id in Gen.Choose(1, 6)
        let start = Sample.Start + TimeSpan.FromSeconds(id switch { 5 => 20, 6 => 700, _ => 0 })
        let grant = Sample.Grant(id, id switch { 1 => 1, 2 => 2, 3 => null, 4 => int.MaxValue, 5 => 1, _ => 3 }, $"order={1 + (id % 3)}", start)
        select grant with { Binding = id == 2 ? BindingKind.Action : BindingKind.Payload, ExpiresAt = id == 4 ? DateTimeOffset.MaxValue : grant.ExpiresAt };

    private static Gen<ConsumeCommand> Uses =>
        from execution in Any.Id("ex", 6)
        from grant in Any.Id("gr", 6)
        from gateway in Any.Text("gw_1", "gw_2")
        from action in Gen.Frequency((12, Gen.Constant("orders.refund")), (1, Any.HostileText))
        from order in Resource
        from digest in Any.Maybe(Gen.Frequency((5, Gen.Constant($"digest of {order}")), (1, Any.HostileText)))
        select new ConsumeCommand(execution, grant, gateway, action, order, digest, $"rejoin {order}", "sha256-1");

    private static Gen<OutcomeCommand> Outcomes =>
        from execution in Any.Id("ex", 6)
        from status in Gen.Elements(ExecutionStatus.Completed, ExecutionStatus.Failed, ExecutionStatus.Unknown)
        from http in Any.HostileNumber
        from error in Any.Maybe(Any.HostileText)
        select new OutcomeCommand(execution, new ExecutionOutcome(status, http, error, DateTimeOffset.MinValue, DateTimeOffset.MaxValue, long.MinValue, long.MaxValue));

    private static Gen<RevokeCommand> Revocations =>
        from command in Any.Id("cm", 9)
        from grant in Any.Maybe(Any.Id("gr", 6))
        from reason in Any.Maybe(Any.HostileText)
        select new RevokeCommand(command, grant, Sample.Dave, reason);

    private static Gen<RequestClosed> Closings =>
        from request in Any.Id("rq", 5)
        from resource in Resource
        from until in Gen.Elements<DateTimeOffset?>(null, null, Sample.Start + TimeSpan.FromMinutes(2), DateTimeOffset.MinValue, DateTimeOffset.MaxValue)
        select new RequestClosed(request, RequestStatus.Denied, "orders.refund", resource, until);

    public override Answer<PrincipalEvent> Decide(PrincipalState state, Command command, DateTimeOffset now) => command.Says switch
    {
        AskCommand c => Answer<PrincipalEvent>.Of(PrincipalMachine.Decide(state, c, now)),
        Issuing c => Answer<PrincipalEvent>.Of(PrincipalMachine.Decide(state, c.Grant, c.Grant.NotBefore > now ? c.Grant.NotBefore : now)),
        ConsumeCommand c => Answer<PrincipalEvent>.Of(PrincipalMachine.Decide(state, c, Sample.Alice.Value, now)),
        OutcomeCommand c => Answer<PrincipalEvent>.Of(PrincipalMachine.Decide(state, c)),
        RevokeCommand c => Answer<PrincipalEvent>.Of(PrincipalMachine.Decide(state, c, now)),
        Releasing c => Answer<PrincipalEvent>.Of(PrincipalMachine.Release(state, c.GrantId, now)),
        RequestClosed c => Answer<PrincipalEvent>.Of(PrincipalMachine.Decide(state, c, now)),
        CancelRequestCommand c => Answer<PrincipalEvent>.Of(PrincipalMachine.Decide(state, c, now)),
        _ => throw new InvalidOperationException(command.Name),
    };

    /// <summary>What an ask or an end answers says whether this command did it; a grant that is rejected is rejected each time.</summary>
    public override Again Repeated(Command command) =>
        command.Says is AskCommand or Issuing or RevokeCommand or Releasing or RequestClosed ? Again.LeavesTheState : Again.ChangesNothing;

    public override Model<PrincipalState, PrincipalEvent> NewModel() => new PrincipalJudgement();

    private sealed class PrincipalJudgement : Model<PrincipalState, PrincipalEvent>
    {
        private sealed class Known(Grant grant)
        {
            public Grant Grant => grant;

            public HashSet<string> Used { get; } = [];

            public HashSet<string> Running { get; } = [];

            public bool IsEnded { get; set; }
        }

        private readonly Dictionary<string, Known> grants = [];
        private readonly HashSet<string> refused = [];
        private DateTimeOffset revokedUpTo = DateTimeOffset.MinValue;
        private DateTimeOffset time;

        public override void Judge(Turn<PrincipalState, PrincipalEvent> turn)
        {
            time = turn.Now;
            switch (turn.Command?.Says)
            {
                case Issuing { Grant: var grant }:
                    time = grant.NotBefore > time ? grant.NotBefore : time;
                    Issued(grant, turn);
                    break;
                case ConsumeCommand c:
                    Consumed(c, turn);
                    break;
                case OutcomeCommand c:
                    var running = grants.Values.FirstOrDefault(g => g.Running.Contains(c.ExecutionId));
                    Hold(turn.Entries(AuditTypes.ExecutionOutcome).Count() == (running is null ? 0 : 1), "an outcome without its entry, or an entry for what is not open");
                    running?.Running.Remove(c.ExecutionId);
                    break;
                case RevokeCommand c when c.GrantId is null:
                    revokedUpTo = time > revokedUpTo ? time : revokedUpTo;
                    foreach (var each in grants.Values)
                        each.IsEnded = true;
                    break;
                case RevokeCommand { GrantId: var id } when turn.IsTaken && grants.TryGetValue(id!, out var one):
                    one.IsEnded = true;
                    break;
                case Releasing { GrantId: var id } when turn.IsTaken && grants.TryGetValue(id, out var mine):
                    mine.IsEnded = true;
                    break;
                case AskCommand c:
                    Asked(c, turn);
                    break;
                default:
                    break;
            }

            All(turn);
        }

        private void Issued(Grant grant, Turn<PrincipalState, PrincipalEvent> turn)
        {
            var isTaken = turn.Entries(AuditTypes.GrantIssued).Any();
            var isNew = !grants.ContainsKey(grant.Id);
            var may = isNew && time < grant.ExpiresAt && grant.NotBefore > revokedUpTo;
            Hold(isTaken == may, $"the grant was {(isTaken ? "" : "not ")}taken on, and should {(may ? "" : "not ")}have been");
            Hold(turn.Sent.OfType<OutboxMessage.ConfirmGrant>().Count() == (may ? 1 : 0), "a grant's request is not told that it exists, or told so twice");
            // One that comes again when nobody remembers it any more is told once more to have run out, which its request knows by then.
            var failed = turn.Sent.OfType<OutboxMessage.FailGrant>().Count();
            Hold(failed == (isNew && !may ? 1 : 0) || (failed == 1 && !isNew && time >= grant.ExpiresAt), "a request is not told that its grant was not taken on, or told so of one that was");
            if (may)
                grants[grant.Id] = new Known(grant);
        }

        private void Consumed(ConsumeCommand c, Turn<PrincipalState, PrincipalEvent> turn)
        {
            var known = grants.GetValueOrDefault(c.GrantId);
            var isNew = turn.Entries(AuditTypes.GrantConsumed).Any();
            var may = known is { IsEnded: false } && time >= known.Grant.NotBefore && time < known.Grant.ExpiresAt && !known.Used.Contains(c.ExecutionId)
                && (known.Grant.Uses is not { } most || known.Used.Count < most)
                && c.Action == known.Grant.Action
                && (known.Grant.Binding == BindingKind.Action || (c.Resource == known.Grant.Resource && c.PayloadDigest == known.Grant.PayloadDigest && c.PayloadDigest is not null));
            var repeated = known?.Running.Contains(c.ExecutionId) == true;
            // What ended is answered by its last execution; one that is over and is not the last is taken for another.
            if (known is not null && known.Used.Contains(c.ExecutionId) && !repeated && isNew)
            {
                Hold(known.Grant.Uses is not { } uses || known.Used.Count < uses, "an execution that is over was run again beyond the grant's uses");
                return;
            }

            Hold(isNew == may, $"a use was {(isNew ? "" : "not ")}taken, and should {(may ? "" : "not ")}have been");
            Hold(turn.IsTaken == (may || repeated), $"the use was {(turn.IsTaken ? "given" : "refused")}, and should {(may || repeated ? "" : "not ")}have been");
            if (!may)
                return;
            known!.Used.Add(c.ExecutionId);
            known.Running.Add(c.ExecutionId);
            var entry = turn.Entries(AuditTypes.GrantConsumed).Single();
            Hold(Turn<PrincipalState, PrincipalEvent>.Field(entry, "execution") == c.ExecutionId && Turn<PrincipalState, PrincipalEvent>.Field(entry, "grant") == c.GrantId, "the entry names another use");
            if (known.Used.Count == known.Grant.Uses)
                known.IsEnded = true;
        }

        private void Asked(AskCommand c, Turn<PrincipalState, PrincipalEvent> turn)
        {
            var raised = turn.Sent.OfType<OutboxMessage.RaiseRequest>().ToArray();
            Hold(raised.Length == 0 || c.JoinRequestId is null, "an ask that was to join another one was raised");
            Hold(raised.Length <= 1 && raised.All(r => r.Ask.RaisedAt == time), "an ask was raised at another time");
            if (turn.Answer.Value is AskAccepted { Raised: false } joined)
            {
                Hold(c.JoinRequestId is null || joined.RequestId == c.JoinRequestId, "an ask joined another request than it named");
                Hold(turn.Before.Asks.TryGetValue(c.Ask.RejoinKey, out var open) && open.RequestId == joined.RequestId, "an ask joined one for something else");
            }
        }

        /// <summary>What holds after every turn.</summary>
        private void All(Turn<PrincipalState, PrincipalEvent> turn)
        {
            foreach (var known in grants.Values.Where(g => g.Grant.Uses is not null))
                Hold(known.Used.Count <= known.Grant.Uses, $"{known.Grant.Id} was used {known.Used.Count} times");
            var active = grants.Values.Where(g => !g.IsEnded && time < g.Grant.ExpiresAt).Select(g => g.Grant.Id).Order(StringComparer.Ordinal);
            var view = PrincipalMachine.View(turn.After, time);
            Hold(view.Grants.Select(g => g.Grant.Id).Order(StringComparer.Ordinal).SequenceEqual(active), $"the view has {string.Join(' ', view.Grants.Select(g => g.Grant.Id))}, and active are {string.Join(' ', active)}");
            foreach (var each in view.Grants)
                Hold(each.UsesLeft == each.Grant.Uses - grants[each.Grant.Id].Used.Count, "the view counts uses otherwise");
            Hold(turn.After.Version >= turn.Before.Version, "the view's version fell");
            var changed = !Active(turn.Before).SetEquals(Active(turn.After));
            Hold(!changed || turn.After.Version > turn.Before.Version, "the set of grants changed, and its version did not");

            string[] ends = [AuditTypes.GrantRevoked, AuditTypes.GrantReleased, AuditTypes.GrantExpired];
            var told = turn.Audit.Where(a => ends.Contains(a.Type)).Select(a => Turn<PrincipalState, PrincipalEvent>.Field(a, "grant")).ToHashSet(StringComparer.Ordinal);
            var gone = Active(turn.Before).Except(Active(turn.After)).Where(id => turn.After.Grants.GetValueOrDefault(id)?.Status != GrantStatus.Consumed && !turn.Entries(AuditTypes.GrantConsumed).Any());
            Hold(gone.All(told.Contains), "a grant ended without an entry");
            foreach (var id in told)
                Hold(refused.Add(id), $"{id} ended twice");
        }

        private static HashSet<string> Active(PrincipalState state) => [.. state.Grants.Values.Where(g => g.Status == GrantStatus.Active).Select(g => g.Grant.Id)];
    }
}
