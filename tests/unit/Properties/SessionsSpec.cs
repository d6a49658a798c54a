using FsCheck;
using FsCheck.Fluent;
using JitGrains.Audit;
using JitGrains.Sessions;
using JitGrains.Shell;

namespace JitGrains.UnitTests.Properties;

/// <summary>One person's sessions: opened, used, left alone, ended.</summary>
internal sealed class SessionsSpec : Spec<SessionsState, SessionsEvent>
{
    private sealed record Using(string Hash);

    public override IStateMachine<SessionsState, SessionsEvent> Machine { get; } = new SessionsMachine();

    public override Gen<Command> Commands => Gen.Frequency(
        (4, Openings.Select(o => new Command("open", o))),
        (6, Gen.Choose(1, 25).Select(n => new Command("use", new Using($"hash{n}")))),
        (1, Any.HostileText.Select(h => new Command("use", new Using(h)))),
        (1, Any.Id("ss", 25).Select(id => new Command("end", new EndSession(id, SessionEnds.SignedOut)))));

    private static Gen<OpenSession> Openings =>
        from number in Gen.Choose(1, 25)
        from life in Any.Span(3600, 60)
        from idle in Any.Span(600, 30)
        select new OpenSession(
            new Session { Id = $"ss_{number:d26}", SecretHash = $"hash{number}", Principal = Sample.Alice, ExpiresAt = DateTimeOffset.MaxValue, Idle = idle, TokenIssuedAt = Sample.Start }, life);

    public override Answer<SessionsEvent> Decide(SessionsState state, Command command, DateTimeOffset now) => command.Says switch
    {
        OpenSession c => Answer<SessionsEvent>.Of(SessionsMachine.Decide(state, c, now)),
        Using c => Answer<SessionsEvent>.Of(SessionsMachine.Use(state, c.Hash, now)),
        EndSession c => Answer<SessionsEvent>.Of(SessionsMachine.Decide(state, c)),
        _ => throw new InvalidOperationException(command.Name),
    };

    /// <summary>A use is noted, once in a while; how often depends on how long a session may be unused.</summary>
    public override Again Repeated(Command command) => command.Says is Using ? Again.LeavesTheState : Again.ChangesNothing;

    public override Model<SessionsState, SessionsEvent> NewModel() => new SessionsJudgement();

    private sealed class SessionsJudgement : Model<SessionsState, SessionsEvent>
    {
        private readonly Dictionary<string, (DateTimeOffset Opened, DateTimeOffset Used, TimeSpan Life, TimeSpan Idle)> open = [];

        public override void Judge(Turn<SessionsState, SessionsEvent> turn)
        {
            var over = turn.Entries(AuditTypes.SessionEnded).Select(e => Turn<SessionsState, SessionsEvent>.Field(e, "session")).ToArray();
            Hold(over.Length == over.Distinct().Count() && over.All(open.ContainsKey), "a session ended that was not open, or twice");
            foreach (var id in over)
                open.Remove(id);
            if (turn.Command?.Says is OpenSession c && turn.Entries(AuditTypes.SessionOpened).Any())
                Hold(open.TryAdd(c.Session.Id, (turn.Now, turn.Now, c.Lifetime, c.Session.Idle)), "a session was opened twice");
            if (turn.Command?.Says is Using u)
            {
                var id = $"ss_{(u.Hash.StartsWith("hash", StringComparison.Ordinal) ? int.Parse(u.Hash[4..], System.Globalization.CultureInfo.InvariantCulture) : 0):d26}";
                var known = open.TryGetValue(id, out var session);
                Hold(!turn.IsTaken || (known && turn.Now - session.Opened < session.Life && turn.Now - session.Used - SessionsMachine.NoteEvery < session.Idle), "a session that is over was used");
                if (turn.IsTaken)
                    open[id] = session with { Used = turn.Now };
                // A use is noted once in a while, so what was used lately may end that much earlier than a model that notes each.
                else
                    Hold(!known || turn.Now - session.Opened >= session.Life || turn.Now - session.Used + SessionsMachine.NoteEvery >= session.Idle, "a session that lives was refused");
            }

            Hold(turn.After.Sessions.Select(s => s.Id).ToHashSet(StringComparer.Ordinal).SetEquals(open.Keys), "a session came or went without an entry");
            Hold(turn.After.Sessions.Length <= SessionsMachine.MaxSessions, "there are more sessions than may be");
        }
    }
}
