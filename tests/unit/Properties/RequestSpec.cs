using System.Collections.Immutable;
using FsCheck;
using FsCheck.Fluent;
using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Identity;
using JitGrains.Outbox;
using JitGrains.Shell;

namespace JitGrains.UnitTests.Properties;

/// <summary>An approval request: votes of everybody, on any digest, from any sign-in, in time and late, of those behind it too.</summary>
internal class RequestSpec : Spec<RequestState, RequestEvent>
{
    private const string Digest = "hs1.right", Auditors = "dev:auditors";

    private sealed record Raising(Ask Ask);

    private sealed record RaisingFailed(Ask Ask, string Because);

    private sealed record Confirming(string GrantId);

    private sealed record Failing(string Because);

    public override IStateMachine<RequestState, RequestEvent> Machine { get; } = new RequestMachine();

    public override Gen<Command> Commands => Gen.Frequency(
        (3, Asks.Select(a => new Command("raise", new Raising(a)))),
        (12, Votes.Select(v => new Command("vote", v))),
        (1, Asks.Zip(Any.Text("blocked"), (a, b) => new Command("raise-failed", new RaisingFailed(a, b)))),
        (1, Cancels.Select(c => new Command("cancel", c))),
        (1, Any.Id("gr", 1).Select(g => new Command("grant-exists", new Confirming(g)))),
        (1, Any.Text("revoked").Select(b => new Command("grant-failed", new Failing(b)))));

    private static Gen<Stage> Stages =>
        from quorum in Any.Mostly(Gen.Choose(1, 2), Any.HostileNumber)
        from groups in Gen.SubListOf(Sample.Managers, Sample.Security, Auditors)
        from people in Gen.Frequency((3, Gen.Constant<PrincipalId[]>([])), (1, Any.Person.ArrayOf(1)))
        from demand in Gen.Frequency((4, Gen.Constant<SignInDemand?>(null)), (1, Gen.Constant<SignInDemand?>(new SignInDemand { MaxAgeSeconds = 300, Amr = ["mfa"] })))
        select new Stage { Name = $"stage{quorum}", Quorum = quorum, Groups = [.. groups], Principals = [.. people], SignIn = demand };

    private static Gen<Ask> Asks =>
        from count in Gen.Choose(0, 3)
        from stages in Stages.ArrayOf(count)
        from automatic in Gen.Frequency((9, Gen.Constant(false)), (1, Gen.Constant(true)))
        from uses in Any.Mostly(Gen.Elements<int?>(1, 1, 2, null), Any.HostileNumber.Select(n => (int?)n))
        from window in Any.Span(600, 60)
        from cooldown in Any.Span(600, 0)
        from decide in Gen.Elements(60, 1800)
        from actors in Gen.Frequency((3, Gen.Constant<PrincipalId[]>([])), (1, Gen.Constant<PrincipalId[]>([Any.Helper])))
        from excluded in Gen.Frequency((3, Gen.Constant<PrincipalId[]>([])), (1, Gen.Elements<PrincipalId[]>([Any.Trigger], [Sample.Carol])))
        from resource in Any.Text("order=42")
        from reason in Any.HostileText
        select Sample.Ask(uses: uses, terms: Sample.Terms() with { Stages = [.. stages], Automatic = automatic, DenialCooldown = cooldown }) with
        {
            Window = window,
            DecideBy = Sample.Start + TimeSpan.FromSeconds(decide),
            Actors = [.. actors],
            Excluded = [.. excluded],
            Resource = resource,
            Reason = reason,
        };

    private static Gen<VoteCommand> Votes =>
        from who in Any.Person
        from groups in Gen.SubListOf(Sample.Managers, Sample.Security, Auditors, "other:managers", "")
        from decision in Any.Decision
        from digest in Gen.Frequency((12, Gen.Constant(Digest)), (1, Any.HostileText))
        from acting in Gen.Frequency((12, Gen.Constant<PrincipalId[]>([])), (1, Gen.Constant<PrincipalId[]>([Any.Helper])))
        from signedIn in Gen.Frequency((2, Gen.Constant<SignIn?>(null)), (3, Gen.Elements(0, 200, 400, -200, -400).Select(s => (SignIn?)new SignIn { At = Sample.Start + TimeSpan.FromSeconds(s), Amr = ["mfa"] })))
        from comment in Any.Maybe(Any.HostileText)
        select new VoteCommand(who, [.. acting], [.. groups], decision, comment, digest, signedIn);

    private static Gen<CancelCommand> Cancels =>
        from who in Any.Person
        from key in Any.Text(Sample.Alice.Value, Sample.Bob.Value)
        from may in Gen.Elements(true, false)
        select new CancelCommand(who, key, may);

    public override Answer<RequestEvent> Decide(RequestState state, Command command, DateTimeOffset now) => command.Says switch
    {
        Raising c => Answer<RequestEvent>.Of(RequestMachine.Raise(state, c.Ask, Digest, now)),
        RaisingFailed c => Answer<RequestEvent>.Of(RequestMachine.RaiseFailed(state, c.Ask, Digest, c.Because, now)),
        VoteCommand c => Answer<RequestEvent>.Of(RequestMachine.Vote(state, c, now)),
        CancelCommand c => Answer<RequestEvent>.Of(RequestMachine.Cancel(state, c, now)),
        Confirming c => Answer<RequestEvent>.Of(RequestMachine.Confirm(state, c.GrantId)),
        Failing c => Answer<RequestEvent>.Of(RequestMachine.Fail(state, c.Because, now)),
        _ => throw new InvalidOperationException(command.Name),
    };

    public override Model<RequestState, RequestEvent> NewModel() => new Judgement();

    private sealed class Judgement : Model<RequestState, RequestEvent>
    {
        private readonly List<(VoteCommand Vote, DateTimeOffset At)> inFavour = [];
        private readonly HashSet<PrincipalId> voted = [];
        private Ask? ask;
        private string? decided;
        private int granted, told;

        public override void Judge(Turn<RequestState, RequestEvent> turn)
        {
            var decidedBefore = decided;
            switch (turn.Command?.Says)
            {
                case Raising c when ask is null:
                    ask = c.Ask;
                    decided = ask.Terms.Automatic ? "approved" : null;
                    break;
                case RaisingFailed c when ask is null:
                    (ask, decided) = (c.Ask, "failed");
                    break;
                case VoteCommand c:
                    Voting(c, turn);
                    break;
                case CancelCommand c:
                    var may = ask is not null && (c.Operator || c.CallerKey == ask.CallerKey);
                    if (may && decided is null && turn.Now < ask!.DecideBy)
                        decided = "cancelled";
                    Hold(turn.IsTaken == (may && decided == "cancelled"), $"taking back was {(turn.IsTaken ? "taken" : "refused")} where the request is {decided ?? "pending"}");
                    break;
                default:
                    break;
            }

            if (turn.Entries(AuditTypes.RequestExpired).Any())
            {
                Hold(ask is not null && decided is null && turn.Now >= ask.DecideBy, "it lapsed before its time, or after its decision");
                decided = "expired";
            }

            Written(turn, decidedBefore);
        }

        private void Voting(VoteCommand vote, Turn<RequestState, RequestEvent> turn)
        {
            var earlier = voted.Contains(vote.Approver);
            var may = ask is not null && vote.Actors.IsEmpty && !Behind(vote.Approver) && ask.Terms.Stages.Any(s => In(s, vote)) && !earlier
                && decided is null && turn.Now < ask.DecideBy && vote.Digest == Digest && ask.Terms.Stages.Where(s => In(s, vote)).All(s => SignedIn(s, vote, turn.Now));
            var isNew = turn.Entries(AuditTypes.VoteCast).Any();
            Hold(isNew == may, $"the vote was {(isNew ? "taken" : "not taken")}, and should {(may ? "" : "not ")}have been");
            Hold(!may || turn.IsTaken, "a vote was taken and its voter told otherwise");
            if (!may)
                return;
            voted.Add(vote.Approver);
            if (vote.Decision == VoteDecision.Deny)
            {
                decided = "denied";
                return;
            }

            inFavour.Add((vote, turn.Now));
            if (IsEnough())
                decided = "approved";
        }

        private bool Behind(PrincipalId who) => ask!.Principal == who || ask.Actors.Contains(who) || ask.Excluded.Contains(who);

        private static bool In(Stage stage, VoteCommand vote) => stage.Principals.Contains(vote.Approver) || vote.Groups.Any(g => stage.Groups.Contains(g));

        private static bool SignedIn(Stage stage, VoteCommand vote, DateTimeOffset at) =>
            stage.SignIn is null || (vote.SignIn is { At: { } then } && then <= at + TimeSpan.FromMinutes(5) && at - then <= TimeSpan.FromSeconds(300));

        /// <summary>Whether some way of giving each person one place fills all places: every way is tried.</summary>
        private bool IsEnough()
        {
            var stages = ask!.Terms.Stages;
            return stages.Length > 0 && stages.All(s => s.Quorum >= 1) && stages.Sum(s => (long)s.Quorum) <= inFavour.Count && Fill([.. stages.Select(s => s.Quorum)], 0);

            bool Fill(ImmutableArray<int> open, int person)
            {
                if (open.All(o => o == 0))
                    return true;
                if (person == inFavour.Count)
                    return false;
                for (var stage = 0; stage < open.Length; stage++)
                {
                    if (open[stage] > 0 && In(stages[stage], inFavour[person].Vote) && Fill(open.SetItem(stage, open[stage] - 1), person + 1))
                        return true;
                }

                return Fill(open, person + 1);
            }
        }

        private void Written(Turn<RequestState, RequestEvent> turn, string? decidedBefore)
        {
            var grants = turn.Sent.OfType<OutboxMessage.IssueGrant>().ToArray();
            var approved = decided == "approved" && decidedBefore is null;
            Hold(grants.Length == (approved ? 1 : 0), $"{grants.Length} grants are sent where the request is {decided ?? "pending"}");
            Hold(turn.Entries(AuditTypes.RequestApproved).Count() == grants.Length, "a decision in favour without its entry, or the entry without the decision");
            granted += grants.Length;
            foreach (var grant in grants.Select(g => g.Grant))
            {
                Hold(grant.Uses == ask!.Uses && grant.NotBefore == turn.Now && grant.Principal == ask.Principal && grant.Action == ask.Action && grant.PayloadDigest == ask.PayloadDigest, "the grant is another one than was asked for");
                Hold(grant.Votes.Select(v => v.Approver).Order(ByName).SequenceEqual(inFavour.Select(v => v.Vote.Approver).Order(ByName)), "the grant names others than those who voted for it");
                Hold(grant.ExpiresAt > grant.NotBefore == ask.Window > TimeSpan.Zero, "the grant's window is not the ask's");
            }

            var ends = new[] { AuditTypes.RequestDenied, AuditTypes.RequestExpired, AuditTypes.RequestCancelled, AuditTypes.RequestFailed }.SelectMany(turn.Entries).ToArray();
            var closes = turn.Sent.OfType<OutboxMessage.CloseRequest>().Count();
            Hold(ends.Length == closes, "an end without its entry, or the entry without the end");
            var failed = turn.Command?.Says is Failing && granted == 1 && decidedBefore == "approved" && closes == 1;
            if (failed)
                decided = "approved, and failed";
            Hold(closes == 0 || failed || (decidedBefore is null && ends[0].Type == $"request.{decided}"), $"it ends as {(ends.Length > 0 ? ends[0].Type : "")} where it was {decidedBefore ?? "pending"} and is {decided ?? "pending"}");
            told += turn.Sent.OfType<OutboxMessage.Notify>().Count(n => n.Notification.Type == "request.decided");
            Hold(told <= 1 && granted <= 1, "it was decided twice");
            Hold(decided is null == turn.After.Phase is RequestPhase.None or RequestPhase.Pending || ask is null, $"it is {turn.After.Phase}, and should be {decided ?? "pending"}");
        }

        private static Comparer<PrincipalId> ByName => Comparer<PrincipalId>.Create((a, b) => string.CompareOrdinal(a.Value, b.Value));
    }
}
