using System.Collections.Immutable;
using FsCheck;
using FsCheck.Fluent;
using JitGrains.Audit;
using JitGrains.Gateways;
using JitGrains.Outbox;
using JitGrains.Shell;

namespace JitGrains.UnitTests.Properties;

/// <summary>An incarnation's lease: renewed, written to, acknowledged, condemned and closed in any order.</summary>
internal sealed class LeaseSpec : Spec<GatewayState, GatewayEvent>
{
    private const string Incarnation = "gw_1";

    public override IStateMachine<GatewayState, GatewayEvent> Machine { get; } = new GatewayMachine();

    public override Gen<Command> Commands => Gen.Frequency(
        (3, Any.Span(5).Zip(Any.Span(30), (l, a) => new Command("open", new OpenLease("pr_1", "a", l, a, null)))),
        (6, Renewals.Select(r => new Command("renew", r))),
        (6, Any.Id("m", 5).Select(id => new Command("post", new GatewayMail(id, [new Invalidation.Everything()])))),
        (4, Ids.Select(ids => new Command("acknowledge", new AcknowledgeMail(ids)))),
        (1, Condemnations.Select(c => new Command("condemn", c))),
        (1, Any.Text(LeaseEnds.Stopped).Select(b => new Command("close", new CloseLease(b)))));

    private static Gen<ImmutableArray<string>> Ids => Any.Id("m", 5).ArrayOf().Select(a => a.Take(4).ToImmutableArray());

    private static Gen<RenewLease> Renewals =>
        from known in Any.Mostly(Gen.Choose(0, 4).Select(n => (long)n), Gen.Elements(long.MinValue, long.MaxValue))
        from ids in Ids
        select new RenewLease(known, ids);

    private static Gen<CondemnGateway> Condemnations =>
        from mail in Any.Maybe(Any.Id("m", 5))
        from renewals in Gen.Elements<long?>(null, 0, 2, long.MaxValue)
        select new CondemnGateway(LeaseEnds.Silent, mail, renewals);

    public override Answer<GatewayEvent> Decide(GatewayState state, Command command, DateTimeOffset now) => command.Says switch
    {
        OpenLease c => Answer<GatewayEvent>.Of(GatewayMachine.Decide(state, c, Incarnation, now)),
        RenewLease c => Answer<GatewayEvent>.Of(GatewayMachine.Decide(state, c, now)),
        GatewayMail c => Answer<GatewayEvent>.Of(GatewayMachine.Decide(state, c, Incarnation, now)),
        AcknowledgeMail c => Answer<GatewayEvent>.Of(GatewayMachine.Decide(state, c)),
        CondemnGateway c => Answer<GatewayEvent>.Of(GatewayMachine.Decide(state, c, Incarnation, now)),
        CloseLease c => Answer<GatewayEvent>.Of(GatewayMachine.Decide(state, c, Incarnation, now)),
        _ => throw new InvalidOperationException(command.Name),
    };

    /// <summary>A lease is opened once, whoever asks; each renewal is one.</summary>
    public override Again Repeated(Command command) => command.Says switch
    {
        OpenLease => Again.LeavesTheState,
        RenewLease => Again.IsAnother,
        _ => Again.ChangesNothing,
    };

    public override Model<GatewayState, GatewayEvent> NewModel() => new LeaseJudgement();

    private sealed class LeaseJudgement : Model<GatewayState, GatewayEvent>
    {
        private readonly List<string> waiting = [];
        private readonly HashSet<string> applied = [];
        private LeasePhase phase = LeasePhase.NotOpen;
        private long renewals;

        public override void Judge(Turn<GatewayState, GatewayEvent> turn)
        {
            switch (turn.Command?.Says)
            {
                case OpenLease:
                    Hold(turn.IsTaken == (phase == LeasePhase.NotOpen), "a lease is opened once");
                    phase = phase == LeasePhase.NotOpen ? LeasePhase.Open : phase;
                    break;
                case RenewLease c:
                    var may = phase == LeasePhase.Open && c.Known <= renewals;
                    Hold(turn.IsTaken == may, $"a renewal was {(turn.IsTaken ? "" : "not ")}taken where the lease is {phase}");
                    if (may)
                    {
                        renewals++;
                        Apply(c.Acknowledged);
                    }

                    break;
                case GatewayMail c:
                    Hold(turn.IsTaken == (phase == LeasePhase.Open), $"mail was {(turn.IsTaken ? "" : "not ")}taken where the lease is {phase}");
                    if (phase == LeasePhase.Open && !waiting.Contains(c.Id) && !applied.Contains(c.Id))
                        waiting.Add(c.Id);
                    break;
                case AcknowledgeMail c:
                    Apply(c.Ids);
                    break;
                case CondemnGateway c when !(c.UnlessAcknowledged is { } mail && applied.Contains(mail)) && !(c.UnlessRenewedPast is { } past && renewals > past):
                    phase = phase is LeasePhase.NotOpen or LeasePhase.Open ? LeasePhase.Condemned : phase;
                    break;
                case CloseLease:
                    phase = LeasePhase.Closed;
                    waiting.Clear();
                    break;
                default:
                    break;
            }

            var view = GatewayMachine.View(turn.After);
            Hold(view.Phase == phase, $"the lease is {view.Phase}, and should be {phase}");
            Hold(view.Renewals == renewals, "renewals are counted otherwise");
            Hold(view.Mail.Select(m => m.Id).SequenceEqual(waiting), $"mail that waits: {string.Join(' ', view.Mail.Select(m => m.Id))}, and should be: {string.Join(' ', waiting)}");
            Hold(view.Acknowledged.ToHashSet(StringComparer.Ordinal).SetEquals(applied), "what was acknowledged is another");
            var told = turn.Sent.OfType<OutboxMessage.RecordInSystemChain>().Select(r => r.Record.Type).ToArray();
            var changed = turn.Before.Phase != turn.After.Phase;
            Hold(changed == told.Length > 0, "the lease's phase changed and the system chain is not told, or the other way round");
            Hold(!changed || told[0] == phase switch { LeasePhase.Open => AuditTypes.GatewayOpened, LeasePhase.Condemned => AuditTypes.GatewayCondemned, _ => AuditTypes.GatewayClosed }, "the system chain is told otherwise");
        }

        private void Apply(IEnumerable<string> ids)
        {
            foreach (var id in ids.Where(waiting.Remove))
                applied.Add(id);
        }
    }
}

/// <summary>The directory: a set.</summary>
internal sealed class DirectorySpec : Spec<GatewayDirectoryState, DirectoryEvent>
{
    private sealed record Removing(ImmutableArray<string> Gone);

    public override IStateMachine<GatewayDirectoryState, DirectoryEvent> Machine { get; } = new GatewayDirectoryMachine();

    public override Gen<Command> Commands => Gen.Frequency(
        (3, Any.Id("gw", 6).Select(id => new Command("add", new GatewayEntry(id, "pr_1", "a")))),
        (2, Any.Id("gw", 6).ArrayOf().Select(ids => new Command("remove", new Removing([.. ids.Take(3)])))));

    public override Answer<DirectoryEvent> Decide(GatewayDirectoryState state, Command command, DateTimeOffset now) => command.Says switch
    {
        GatewayEntry c => Answer<DirectoryEvent>.Of(GatewayDirectoryMachine.Decide(state, c)),
        Removing c => Answer<DirectoryEvent>.Of(GatewayDirectoryMachine.Decide(state, c.Gone)),
        _ => throw new InvalidOperationException(command.Name),
    };

    public override Model<GatewayDirectoryState, DirectoryEvent> NewModel() => new DirectoryJudgement();

    private sealed class DirectoryJudgement : Model<GatewayDirectoryState, DirectoryEvent>
    {
        private readonly List<string> there = [];

        public override void Judge(Turn<GatewayDirectoryState, DirectoryEvent> turn)
        {
            if (turn.Command?.Says is GatewayEntry added && !there.Contains(added.Incarnation))
                there.Add(added.Incarnation);
            if (turn.Command?.Says is Removing removed)
                there.RemoveAll(i => removed.Gone.Contains(i));
            Hold(turn.After.Entries.Select(e => e.Incarnation).SequenceEqual(there), "the directory lists others");
        }
    }
}
