using System.Text.Json;
using JitGrains.Audit;
using JitGrains.Gateways;
using JitGrains.Json;
using JitGrains.Outbox;
using JitGrains.Shell;
using static JitGrains.TestSupport.Sample;

namespace JitGrains.UnitTests.Gateways;

public sealed class GatewayMachineTests
{
    private const string Id = "gw_1";

    private readonly GatewayMachine machine = new();
    private readonly List<SystemRecord> told = [];
    private readonly List<AuditEntry> entries = [];
    private GatewayState state = new();

    private DateTimeOffset now = Start;

    public static TheoryData<string, LeasePhase, string> Table => new()
    {
        // What happened before; the command; what the phase is then, or that it was refused.
        { "", LeasePhase.NotOpen, "renew:refused post:refused ack condemn=condemned close=closed open=open" },
        { "open", LeasePhase.Open, "open:refused renew=open post=open ack condemn=condemned close=closed" },
        { "open condemn", LeasePhase.Condemned, "open:refused renew:refused post:refused ack condemn=condemned close=closed" },
        { "condemn", LeasePhase.Condemned, "open:refused renew:refused post:refused ack condemn=condemned close=closed" },
        { "open close", LeasePhase.Closed, "open:refused renew:refused post:refused ack condemn=closed close=closed" },
        { "open condemn close", LeasePhase.Closed, "open:refused renew:refused post:refused ack condemn=closed close=closed" },
        { "close", LeasePhase.Closed, "open:refused renew:refused post:refused ack condemn=closed close=closed" },
    };

    [Theory]
    [MemberData(nameof(Table))]
    public void Every_command_in_every_phase(string before, LeasePhase phase, string commands)
    {
        foreach (var command in commands.Split(' '))
        {
            state = new GatewayState();
            foreach (var earlier in before.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                Command(earlier);
            Assert.Equal(phase, state.Phase);
            var was = state;
            var parts = command.Split('=', ':');
            var refused = Command(parts[0]);
            if (command.Contains(':', StringComparison.Ordinal))
            {
                Assert.NotNull(refused);
                Assert.Same(was, state);
            }
            else
            {
                Assert.Null(refused);
                Assert.Equal(parts.Length > 1 ? Enum.Parse<LeasePhase>(parts[1], ignoreCase: true) : phase, state.Phase);
            }
        }
    }

    [Fact]
    public void A_renewal_answers_mail_until_it_is_acknowledged()
    {
        Command("open");
        Run(GatewayMachine.Decide(state, Mail("a"), Id, now));
        Run(GatewayMachine.Decide(state, Mail("b"), Id, now));
        var first = Run(GatewayMachine.Decide(state, new RenewLease(0, []), now)).Value!;
        Assert.Equal(["a", "b"], first.Mail.Select(m => m.Id));
        Assert.Equal(1, first.Renewals);
        var second = Run(GatewayMachine.Decide(state, new RenewLease(1, ["a", "unheard-of"]), now)).Value!;
        Assert.Equal(["b"], second.Mail.Select(m => m.Id));
        Assert.Equal("a", Assert.Single(second.Acknowledged));
        Run(GatewayMachine.Decide(state, new AcknowledgeMail(["b"])));
        Assert.Empty(GatewayMachine.View(state).Mail);
    }

    [Fact]
    public void The_same_mail_twice_is_one_and_acknowledged_mail_does_not_come_back()
    {
        Command("open");
        Run(GatewayMachine.Decide(state, Mail("a"), Id, now));
        Run(GatewayMachine.Decide(state, Mail("a"), Id, now));
        Assert.Single(state.Mail);
        Run(GatewayMachine.Decide(state, new AcknowledgeMail(["a"])));
        Run(GatewayMachine.Decide(state, Mail("a"), Id, now));
        Assert.Empty(state.Mail);
    }

    [Fact]
    public void A_store_that_forgot_a_renewal_voids_the_lease_and_one_whose_answer_was_lost_does_not()
    {
        Command("open");
        Command("renew");
        Assert.NotNull(Run(GatewayMachine.Decide(state, new RenewLease(0, []), now)).Value);
        Assert.Equal(2, state.Renewals);
        Assert.IsType<Refusal.LeaseOver>(Run(GatewayMachine.Decide(state, new RenewLease(3, []), now)).Refusal);
        Assert.Equal(2, state.Renewals);
    }

    [Fact]
    public void Mail_that_nobody_reads_condemns()
    {
        Command("open");
        for (var i = 0; i < GatewayMachine.MaxMail; i++)
            Assert.NotNull(Run(GatewayMachine.Decide(state, Mail($"m{i}"), Id, now)).Value);
        Assert.Equal(new Refusal.LeaseOver(LeasePhase.Condemned), Run(GatewayMachine.Decide(state, Mail("more"), Id, now)).Refusal);
        Assert.Equal(LeasePhase.Condemned, state.Phase);
        Assert.Contains(told, r => r.Type == AuditTypes.GatewayCondemned && r.Fields.Any(f => f.Value == LeaseEnds.TooMuchMail));
    }

    [Fact]
    public void Condemning_lets_go_of_whoever_has_acknowledged_or_renewed_meanwhile()
    {
        Command("open");
        Run(GatewayMachine.Decide(state, Mail("a"), Id, now));
        Run(GatewayMachine.Decide(state, new AcknowledgeMail(["a"])));
        Assert.Equal(LeasePhase.Open, Run(GatewayMachine.Decide(state, new CondemnGateway(LeaseEnds.Unacknowledged, UnlessAcknowledged: "a"), Id, now)).Value!.Phase);
        Command("renew");
        Assert.Equal(LeasePhase.Open, Run(GatewayMachine.Decide(state, new CondemnGateway(LeaseEnds.Silent, UnlessRenewedPast: 0), Id, now)).Value!.Phase);
        // Mail that the store lost counts as not acknowledged, whatever came after it.
        Assert.Equal(LeasePhase.Condemned, Run(GatewayMachine.Decide(state, new CondemnGateway(LeaseEnds.Unacknowledged, UnlessAcknowledged: "lost"), Id, now)).Value!.Phase);
    }

    [Fact]
    public void Only_what_may_be_lost_may_be_lost_and_leases_are_told_in_the_system_chain()
    {
        var first = new AuditEntry("gateway/gw_0", 1, "hash", "{}", []);
        Run(GatewayMachine.Decide(state, new OpenLease("gw_0", "host", TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30), first), Id, now));
        // The journal's chain begins in the turn that names it.
        Assert.Equal(first, Assert.Single(entries));
        Assert.Equal(["gateway/gw_0", "hash"], told[0].Fields.Select(f => f.Value));
        Command("renew");
        Command("condemn");
        Command("close");
        Assert.Equal([AuditTypes.ChainOpened, AuditTypes.GatewayOpened, AuditTypes.GatewayCondemned, AuditTypes.GatewayClosed], told.Select(r => r.Type));
        Assert.Equal(LeaseEnds.Silent, state.EndedBecause);
    }

    [Fact]
    public void The_state_survives_its_json_with_fields_of_later_versions()
    {
        Command("open");
        Run(GatewayMachine.Decide(state, new GatewayMail("a", [new Invalidation.Grants("k", ["gr_1"], 3, Terminate: true), new Invalidation.Restrictions(2), new Invalidation.Policy(1, "v"), new Invalidation.Everything()]), Id, now));
        var text = JsonSerializer.Serialize(state, JitJson.Options).Replace("{\"phase\"", "{\"later\":1,\"phase\"", StringComparison.Ordinal);
        var read = JsonSerializer.Deserialize<GatewayState>(text, JitJson.Options)!;
        Assert.True(read.Extra!.ContainsKey("later"));
        Assert.Equal(state.Mail[0].What.Skip(1), read.Mail[0].What.Skip(1));
        Assert.Equal(TimeSpan.FromSeconds(5), read.Lease);
    }

    [Fact]
    public void The_directory_keeps_each_incarnation_once_and_is_bounded()
    {
        var directory = new GatewayDirectoryMachine();
        var list = new GatewayDirectoryState();
        for (var i = 0; i < GatewayDirectoryMachine.MaxEntries; i++)
            list = directory.Apply(list, Assert.Single(GatewayDirectoryMachine.Decide(list, new GatewayEntry($"gw_{i}", "p", "n")).Events));
        Assert.Empty(GatewayDirectoryMachine.Decide(list, new GatewayEntry("gw_1", "p", "n")).Events);
        Assert.IsType<Refusal.TooManyEntries>(GatewayDirectoryMachine.Decide(list, new GatewayEntry("gw_x", "p", "n")).Reply.Refusal);
        var removed = Assert.Single(GatewayDirectoryMachine.Decide(list, ["gw_1", "gw_unknown"]).Events);
        Assert.Equal(GatewayDirectoryMachine.MaxEntries - 1, directory.Apply(list, removed).Entries.Length);
        Assert.Empty(GatewayDirectoryMachine.Decide(list, ["gw_unknown"]).Events);
    }

    private static GatewayMail Mail(string id) => new(id, [new Invalidation.Restrictions(1)]);

    private Refusal? Command(string name) => name switch
    {
        "open" => Run(GatewayMachine.Decide(state, new OpenLease("gw_0", "host", TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30), null), Id, now)).Refusal,
        "renew" => Run(GatewayMachine.Decide(state, new RenewLease(state.Renewals, []), now)).Refusal,
        "post" => Run(GatewayMachine.Decide(state, Mail("m"), Id, now)).Refusal,
        "ack" => Run(GatewayMachine.Decide(state, new AcknowledgeMail(["m"]))).Refusal,
        "condemn" => Run(GatewayMachine.Decide(state, new CondemnGateway(LeaseEnds.Silent), Id, now)).Refusal,
        _ => Run(GatewayMachine.Decide(state, new CloseLease(LeaseEnds.Stopped), Id, now)).Refusal,
    };

    private Reply<T> Run<T>(Decision<GatewayEvent, T> decision)
        where T : class
    {
        now += TimeSpan.FromSeconds(1);
        foreach (var happened in decision.Events)
        {
            state = machine.Apply(state, happened);
            var effects = machine.Effects(state, happened).ToList();
            told.AddRange(effects.OfType<OutboxMessage.RecordInSystemChain>().Select(m => m.Record));
            entries.AddRange(effects.OfType<OutboxMessage.Audit>().Select(m => m.Entry));
            Assert.All(effects, e => Assert.True(e is OutboxMessage.RecordInSystemChain or OutboxMessage.Audit));
        }

        // What is answered is the state as written.
        if (decision.Reply.Value is LeaseView view)
            Assert.Equal(JsonSerializer.Serialize(GatewayMachine.View(state), JitJson.Options), JsonSerializer.Serialize(view, JitJson.Options));
        return decision.Reply;
    }
}
