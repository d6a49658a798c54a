using JitGrains.Audit;
using JitGrains.Sessions;
using static JitGrains.TestSupport.Sample;

namespace JitGrains.UnitTests.Sessions;

public sealed class SessionsMachineTests
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(8);

    private readonly SessionsMachine machine = new();
    private readonly List<AuditDraft> recorded = [];
    private SessionsState state = new();
    private DateTimeOffset now = Start;

    [Fact]
    public void A_session_lives_while_it_is_used_and_ends_when_it_is_not()
    {
        Open("a");
        for (var i = 0; i < 10; i++)
        {
            now += TimeSpan.FromMinutes(29);
            Assert.NotNull(Use("a"));
        }

        now += TimeSpan.FromMinutes(30);
        Assert.Null(Use("a"));
        Assert.Empty(state.Sessions);
        Assert.Equal("idle", recorded[^1].Fields.Single(f => f.Name == "because").Value);
    }

    [Fact]
    public void However_much_it_is_used_it_ends_at_its_absolute_limit()
    {
        Open("a");
        while (now < Start + Lifetime - TimeSpan.FromMinutes(10))
        {
            now += TimeSpan.FromMinutes(10);
            Assert.Equal(now < Start + Lifetime, Use("a") is not null);
        }

        now = Start + Lifetime - TimeSpan.FromTicks(1);
        Assert.NotNull(Use("a"));
        now = Start + Lifetime;
        Assert.Null(Use("a"));
        Assert.Equal("expired", recorded[^1].Fields.Single(f => f.Name == "because").Value);
    }

    [Fact]
    public void A_use_is_written_once_a_minute_and_counts_to_within_that()
    {
        Open("a");
        now += TimeSpan.FromSeconds(59);
        Assert.Empty(SessionsMachine.Use(state, "hash a", now).Events);
        now += TimeSpan.FromSeconds(1);
        Assert.Single(SessionsMachine.Use(state, "hash a", now).Events);
    }

    [Fact]
    public void Time_alone_ends_what_nobody_uses()
    {
        Open("a");
        now += TimeSpan.FromMinutes(10);
        Open("b");
        Assert.Equal(Start + TimeSpan.FromMinutes(30), machine.NextDue(state));
        Assert.Empty(machine.Tick(state, Start + TimeSpan.FromMinutes(30) - TimeSpan.FromTicks(1)));
        var ended = Assert.IsType<SessionsEvent.Ended>(Assert.Single(machine.Tick(state, Start + TimeSpan.FromMinutes(30))));
        Assert.Equal("ss_a", ended.Session.Id);
    }

    [Fact]
    public void Another_secret_finds_nothing_and_an_ended_session_is_found_by_no_secret()
    {
        Open("a");
        Assert.Null(Use("b"));
        Run(SessionsMachine.Decide(state, new EndSession("ss_a", SessionEnds.SignedOut)));
        Assert.Null(Use("a"));
        Assert.Empty(SessionsMachine.Decide(state, new EndSession("ss_a", SessionEnds.SignedOut)).Events);
    }

    [Fact]
    public void Opening_again_changes_nothing_and_of_too_many_the_one_unused_for_longest_goes()
    {
        for (var i = 0; i < SessionsMachine.MaxSessions; i++)
        {
            now += TimeSpan.FromMinutes(1);
            Open($"{i}");
            Assert.Empty(SessionsMachine.Decide(state, Opening($"{i}"), now).Events);
        }

        now += TimeSpan.FromMinutes(1);
        Assert.NotNull(Use("0"));
        now += TimeSpan.FromMinutes(1);
        Open("one more");
        Assert.Equal(SessionsMachine.MaxSessions, state.Sessions.Length);
        Assert.Equal("ss_one more", SessionsMachine.Alive(state, now)[0].Id);
        Assert.Null(Use("1"));
        Assert.NotNull(Use("0"));
    }

    [Fact]
    public void The_trail_says_who_and_how_and_never_the_secret()
    {
        Open("a");
        var fields = recorded.Single(r => r.Type == AuditTypes.SessionOpened).Fields;
        Assert.True(fields.Single(f => f.Name == "principal").Personal);
        Assert.Equal("gold", fields.Single(f => f.Name == "acr").Value);
        Assert.DoesNotContain(recorded.SelectMany(r => r.Fields), f => f.Value.Contains("hash", StringComparison.Ordinal));
    }

    private static OpenSession Opening(string name) => new(
        new Session
        {
            Id = $"ss_{name}",
            SecretHash = $"hash {name}",
            Principal = Alice,
            ExpiresAt = default,
            Idle = TimeSpan.FromMinutes(30),
            TokenIssuedAt = Start,
            SignIn = new() { At = Start, Acr = "gold" },
        },
        Lifetime);

    private void Open(string name) => Run(SessionsMachine.Decide(state, Opening(name), now));

    private Session? Use(string name) => Run(SessionsMachine.Use(state, $"hash {name}", now)).Value;

    private Reply<T> Run<T>(JitGrains.Shell.Decision<SessionsEvent, T> decision)
        where T : class
    {
        foreach (var happened in decision.Events)
        {
            recorded.AddRange(machine.Audit(state, happened));
            state = machine.Apply(state, happened);
        }

        return decision.Reply;
    }
}
