using FsCheck;
using FsCheck.Fluent;
using JitGrains.Assertions;
using JitGrains.Audit;
using JitGrains.PolicyVersions;
using JitGrains.Quotas;
using JitGrains.Shell;

namespace JitGrains.UnitTests.Properties;

/// <summary>A shared limit's parts.</summary>
internal sealed class QuotaSpec : Spec<QuotaState, QuotaEvent>
{
    private const int Total = 100;

    public override IStateMachine<QuotaState, QuotaEvent> Machine { get; } = new QuotaMachine();

    public override Gen<Command> Commands => Gen.Frequency(
        (8, Leases.Select(l => new Command("lease", l))),
        (1, Returns.Select(r => new Command("return", r))));

    private static Gen<LeaseQuota> Leases =>
        from gateway in Any.Text("a", "b", "c")
        from inUse in Any.Mostly(Gen.Choose(0, Total), Any.HostileNumber)
        from demand in Any.Mostly(Gen.Choose(0, 500).Select(d => (long)d), Gen.Elements(long.MinValue, long.MaxValue))
        from time in Any.Span(10)
        from held in Gen.Frequency((3, Any.Mostly(Gen.Choose(0, Total), Any.HostileNumber).Select(int? (h) => h)), (1, Gen.Constant<int?>(null)))
        from returns in Any.Span(0, 30)
        select new LeaseQuota(gateway, Total, inUse, demand, time, held, returns);

    private static Gen<ReturnQuota> Returns =>
        from gateway in Any.Text("a", "b", "c")
        from inUse in Any.Mostly(Gen.Choose(0, Total), Any.HostileNumber)
        from returns in Any.Span(0, 30)
        select new ReturnQuota(gateway, inUse, returns);

    public override Answer<QuotaEvent> Decide(QuotaState state, Command command, DateTimeOffset now) => command.Says switch
    {
        LeaseQuota c => Answer<QuotaEvent>.Of(QuotaMachine.Decide(state, c, now)),
        ReturnQuota c => Answer<QuotaEvent>.Of(QuotaMachine.Decide(state, c, now)),
        _ => throw new InvalidOperationException(command.Name),
    };

    /// <summary>A lease is written each time, for it holds from then on.</summary>
    public override Again Repeated(Command command) => command.Says is LeaseQuota ? Again.LeavesTheState : Again.ChangesNothing;

    public override Model<QuotaState, QuotaEvent> NewModel() => new QuotaJudgement();

    private sealed class QuotaJudgement : Model<QuotaState, QuotaEvent>
    {
        private readonly Dictionary<string, (int Parts, DateTimeOffset Until, int InUse, DateTimeOffset UsedUntil)> held = [];

        public override void Judge(Turn<QuotaState, QuotaEvent> turn)
        {
            if (turn is { Command.Says: LeaseQuota c, Answer.Value: QuotaLease lease })
            {
                // Told or not: what a gateway says that it holds is not there for others, nor what those that are gone have used.
                var others = held.Where(h => h.Key != c.Gateway).Sum(h => turn.Now < h.Value.Until ? h.Value.Parts : turn.Now < h.Value.UsedUntil ? h.Value.InUse : 0);
                var least = QuotaMachine.Least(Total);
                Hold(lease.Parts >= least && lease.Parts <= Math.Max(least, Total - others), $"{lease.Parts} parts were leased where others hold {others} of {Total}");
                var inUse = Math.Clamp(c.InUse, 0, Total);
                var kept = c.Held is { } says ? Math.Max(lease.Parts, Math.Max(inUse, Math.Clamp(says, 0, Total))) : lease.Parts;
                held[c.Gateway] = (kept, turn.Now + Within(c.For, QuotaMachine.LongestLease), inUse, turn.Now + Within(c.Returns, TimeSpan.FromDays(100_000)));
            }

            if (turn.Command?.Says is ReturnQuota r && held.TryGetValue(r.Gateway, out var back) && turn.Now < back.Until)
                held[r.Gateway] = (0, turn.Now, Math.Clamp(r.InUse, 0, back.Parts), turn.Now + Within(r.Returns, TimeSpan.FromDays(100_000)));
            var view = QuotaMachine.View(turn.After, turn.Now);
            var live = held.Values.Where(h => turn.Now < h.Until).ToArray();
            Hold(view.Parts == live.Sum(h => h.Parts) && view.Gateways == live.Length, "others hold parts, or other parts");
        }

        private static TimeSpan Within(TimeSpan time, TimeSpan most) => time > most ? most : time < TimeSpan.Zero ? TimeSpan.Zero : time;
    }
}

/// <summary>Which policy is in force.</summary>
internal sealed class PolicySpec : Spec<PolicyLedgerState, PolicyTaken>
{
    private const string Text = """
        version: 1
        realm: dev
        apis: {a: {upstreams: ["http://127.0.0.1:PORT"], actions: {a.do: {methods: [POST], path: "/a", binding: action}}}}
        rules: []
        """;

    private static readonly string[] Texts = [.. Enumerable.Range(1, 3).Select(n => Text.Replace("PORT", $"{n}", StringComparison.Ordinal))];

    public override IStateMachine<PolicyLedgerState, PolicyTaken> Machine { get; } = new PolicyMachine();

    public override Gen<Command> Commands =>
        from number in Gen.Choose(1, 8)
        from text in Any.Text(Texts)
        from expected in Gen.Frequency((5, Gen.Constant<string?>(null)), (1, Gen.Constant<string?>("")), (1, Any.HostileText.Select(string? (t) => t)))
        from reason in Any.Maybe(Any.HostileText)
        select new Command("apply", new ApplyPolicyCommand($"cm{number}", [new PolicyText("policy.yaml", text)], Sample.Dave, reason, expected));

    public override Answer<PolicyTaken> Decide(PolicyLedgerState state, Command command, DateTimeOffset now) =>
        Answer<PolicyTaken>.Of(PolicyMachine.Decide(state, (ApplyPolicyCommand)command.Says, now));

    /// <summary>The answer says whether this command changed anything.</summary>
    public override Again Repeated(Command command) => Again.LeavesTheState;

    public override Model<PolicyLedgerState, PolicyTaken> NewModel() => new PolicyJudgement();

    private sealed class PolicyJudgement : Model<PolicyLedgerState, PolicyTaken>
    {
        private readonly Dictionary<string, string> byCommand = [];
        private string inForce = "";
        private long sequence;

        public override void Judge(Turn<PolicyLedgerState, PolicyTaken> turn)
        {
            var c = (ApplyPolicyCommand)turn.Command!.Says;
            var changed = turn.Entries(AuditTypes.PolicyChanged).Count();
            var text = c.Files[0].Text;
            var used = byCommand.GetValueOrDefault(c.CommandId);
            var fits = c.Expected is null || (c.Expected.Length == 0 && sequence == 0);
            var should = Texts.Contains(text) && used is null && fits && text != inForce;
            Hold(changed == (should ? 1 : 0), $"a policy was {(changed > 0 ? "" : "not ")}put in force, and should {(should ? "" : "not ")}have been");
            if (should)
                (inForce, sequence, byCommand[c.CommandId]) = (text, sequence + 1, text);
            Hold((turn.After.Current?.Sequence ?? 0) == sequence, "policies are numbered otherwise");
            Hold(changed == 0 || turn.Sent.OfType<Outbox.OutboxMessage.ShowPolicy>().Single().Policy.Files[0].Text == text, "a policy's text is not kept with it");
        }
    }
}

/// <summary>The keys of assertions.</summary>
internal sealed class AssertionKeysSpec : Spec<AssertionKeysState, AssertionKeyTaken>
{
    public override IStateMachine<AssertionKeysState, AssertionKeyTaken> Machine { get; } = new AssertionKeysMachine();

    public override Gen<Command> Commands =>
        from id in Any.Id("k", 50)
        from rotation in Any.Span(3600, 7200, 86_400)
        select new Command("offer", new OfferAssertionKey(id, "x", "y", "sealed", rotation));

    public override Answer<AssertionKeyTaken> Decide(AssertionKeysState state, Command command, DateTimeOffset now) =>
        Answer<AssertionKeyTaken>.Of(AssertionKeysMachine.Decide(state, (OfferAssertionKey)command.Says, now));

    public override Model<AssertionKeysState, AssertionKeyTaken> NewModel() => new AssertionKeysJudgement();

    private sealed class AssertionKeysJudgement : Model<AssertionKeysState, AssertionKeyTaken>
    {
        public override void Judge(Turn<AssertionKeysState, AssertionKeyTaken> turn)
        {
            var keys = ((AssertionKeySet)turn.Answer.Value!).Keys;
            var signing = keys.Where(k => k.SignsFrom <= turn.Now && turn.Now < k.SignsUntil).ToArray();
            Hold(signing.Length <= 1, "two keys sign at once");
            Hold(keys.All(k => k.PublishedUntil >= k.SignsUntil + AssertionKeysMachine.LongestLife && turn.Now < k.PublishedUntil), "a key is published for less than its tokens live, or for longer");
            Hold(turn.After.Keys.Zip(turn.After.Keys.Skip(1)).All(p => p.First.SignsUntil <= p.Second.SignsFrom), "keys sign at the same time");
            // One that nobody can have fetched signs only where there was none to sign with.
            foreach (var taken in turn.Answer.Events)
                Hold(taken.Key.SignsFrom > turn.Now || turn.Before.Keys.All(k => k.SignsUntil <= turn.Now), "a key signs before anybody can have fetched it");
        }
    }
}

/// <summary>The chain of chains.</summary>
internal sealed class SystemChainSpec : Spec<SystemChainState, SystemRecord>
{
    public override IStateMachine<SystemChainState, SystemRecord> Machine { get; } = new SystemChainMachine();

    public override Gen<Command> Commands => Any.Text([.. Enumerable.Range(1, 12).Select(n => $"c{n}")])
        .Select(id => new Command("record", new SystemRecord(id, AuditTypes.ChainOpened, [new AuditField("chain", id)])));

    public override Answer<SystemRecord> Decide(SystemChainState state, Command command, DateTimeOffset now) =>
        Answer<SystemRecord>.Of(SystemChainMachine.Decide(state, (SystemRecord)command.Says));

    public override Model<SystemChainState, SystemRecord> NewModel() => new ChainJudgement();

    private sealed class ChainJudgement : Model<SystemChainState, SystemRecord>
    {
        private readonly HashSet<string> known = [];

        public override void Judge(Turn<SystemChainState, SystemRecord> turn) =>
            Hold(turn.Audit.Length == (known.Add(((SystemRecord)turn.Command!.Says).CommandId) ? 1 : 0), "a record has no entry, or two");
    }
}
