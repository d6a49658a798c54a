using FsCheck;
using FsCheck.Fluent;
using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Identity;
using JitGrains.Restrictions;
using JitGrains.Shell;

namespace JitGrains.UnitTests.Properties;

/// <summary>Blocks and revocations by what grants have in common, repeated by their ids.</summary>
internal sealed class RestrictionsSpec : Spec<RestrictionsState, RestrictionsEvent>
{
    public override IStateMachine<RestrictionsState, RestrictionsEvent> Machine { get; } = new RestrictionsMachine();

    // A command's id is the command's own: the same id comes with the same words.
    public override Gen<Command> Commands => Gen.Frequency(
        (3, Any.Person.Zip(Number, (who, n) => new Command("block", new BlockCommand($"b{n}{who}", who, Sample.Dave, "because")))),
        (2, Any.Person.Zip(Number, (who, n) => new Command("unblock", new UnblockCommand($"u{n}{who}", who, Sample.Dave, null)))),
        (3, Selectors.Zip(Number, (what, n) => new Command("revoke", new RevokeMatchingCommand($"r{n}{what}", what, n > 2, Sample.Dave, null)))));

    private static Gen<int> Number => Gen.Choose(1, 4);

    private static Gen<GrantSelector> Selectors =>
        from kind in Gen.Elements(Enum.GetValues<SelectorKind>())
        from value in Any.Text("orders", "orders.refund", "dev", Sample.Bob.Value)
        select new GrantSelector(kind, value);

    public override Answer<RestrictionsEvent> Decide(RestrictionsState state, Command command, DateTimeOffset now) => command.Says switch
    {
        BlockCommand c => Answer<RestrictionsEvent>.Of(RestrictionsMachine.Decide(state, c, now)),
        UnblockCommand c => Answer<RestrictionsEvent>.Of(RestrictionsMachine.Decide(state, c)),
        RevokeMatchingCommand c => Answer<RestrictionsEvent>.Of(RestrictionsMachine.Decide(state, c, now)),
        _ => throw new InvalidOperationException(command.Name),
    };

    public override Model<RestrictionsState, RestrictionsEvent> NewModel() => new RestrictionsJudgement();

    private sealed class RestrictionsJudgement : Model<RestrictionsState, RestrictionsEvent>
    {
        private readonly HashSet<string> known = [];
        private readonly HashSet<PrincipalId> blocked = [];
        private readonly Dictionary<GrantSelector, DateTimeOffset> revoked = [];

        public override void Judge(Turn<RestrictionsState, RestrictionsEvent> turn)
        {
            Hold(turn.IsTaken, "a command was refused");
            switch (turn.Command?.Says)
            {
                case BlockCommand c when known.Add(c.CommandId):
                    Entry(turn, AuditTypes.PrincipalBlocked, blocked.Add(c.Principal));
                    break;
                case UnblockCommand c when known.Add(c.CommandId):
                    Entry(turn, AuditTypes.PrincipalUnblocked, blocked.Remove(c.Principal));
                    break;
                case RevokeMatchingCommand c when known.Add(c.CommandId):
                    revoked[c.Selector] = turn.Now;
                    Entry(turn, AuditTypes.GrantsRevoked, true);
                    break;
                default:
                    Hold(turn.Audit.IsEmpty, "what changes nothing has an entry");
                    break;
            }

            var view = RestrictionsMachine.View(turn.After);
            Hold(view.Blocks.Select(b => b.Principal).ToHashSet().SetEquals(blocked), "others are blocked");
            // A grant that was approved by then and may still live is revoked, and none that was approved later.
            foreach (var (what, upTo) in revoked)
            {
                var kept = view.Revocations.FirstOrDefault(r => r.Selector == what);
                Hold(kept is null ? turn.Now >= upTo + ApprovalTerms.LongestWindow : kept.UpTo == upTo, $"the revocation of {what} was {(kept is null ? "forgotten" : "changed")}");
            }

            Hold(view.Revocations.All(r => revoked.ContainsKey(r.Selector)), "something is revoked that nobody revoked");
            Hold(turn.After.Version >= turn.Before.Version, "the version fell");
            Hold(turn.Audit.IsEmpty || turn.After.Version > turn.Before.Version, "the restrictions changed, and their version did not");
        }

        private static void Entry(Turn<RestrictionsState, RestrictionsEvent> turn, string type, bool changed) =>
            Hold(turn.Entries(type).Count() == (changed ? 1 : 0), $"{type}: {(changed ? "the change has no entry" : "nothing changed, and there is an entry")}");
    }
}
