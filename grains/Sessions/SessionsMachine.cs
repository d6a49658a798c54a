using System.Collections.Immutable;
using JitGrains.Audit;
using JitGrains.Outbox;
using JitGrains.Shell;
using static JitGrains.Sessions.SessionsEvent;

namespace JitGrains.Sessions;

/// <summary>The decisions about one person's sessions. Pure and thread-safe.</summary>
public sealed class SessionsMachine : IStateMachine<SessionsState, SessionsEvent>
{
    /// <summary>Most sessions of one person.</summary>
    public const int MaxSessions = 20;

    /// <summary>A use is noted once in this time, or in a tenth of the time that a session may be unused where that is less.</summary>
    public static readonly TimeSpan NoteEvery = TimeSpan.FromMinutes(1);

    /// <summary>Begins a session. The same again changes nothing.</summary>
    public static Decision<SessionsEvent, Session> Decide(SessionsState state, OpenSession command, DateTimeOffset now)
    {
        var session = command.Session with { OpenedAt = now, UsedAt = now, ExpiresAt = now.Plus(command.Lifetime) };
        if (state.Sessions.FirstOrDefault(s => s.Id == session.Id) is { } known)
            return new([], known);
        ImmutableArray<SessionsEvent> over = [.. Over(state, now)];
        var left = state.Sessions.Where(s => IsAlive(s, now)).OrderBy(s => s.UsedAt).ToList();
        var crowded = left.Take(Math.Max(0, left.Count + 1 - MaxSessions)).Select(s => new Ended(s, SessionEnds.TooMany));
        return new([.. over, .. crowded, new Opened(session)], session);
    }

    /// <summary>The session of a secret, which is thereby used.</summary>
    public static Decision<SessionsEvent, Session> Use(SessionsState state, string secretHash, DateTimeOffset now)
    {
        if (state.Sessions.FirstOrDefault(s => s.SecretHash == secretHash) is not { } session)
            return new Refusal.NotFound("session");
        if (!IsAlive(session, now))
            return new([EndOf(session, now)], new Refusal.NotFound("session"));
        var every = session.Idle / 10 < NoteEvery ? session.Idle / 10 : NoteEvery;
        return now - session.UsedAt < every
            ? new([], session)
            : new([new Used(session.Id, now)], session with { UsedAt = now });
    }

    /// <summary>Ends a session.</summary>
    public static Decision<SessionsEvent, Done> Decide(SessionsState state, EndSession command) =>
        state.Sessions.FirstOrDefault(s => s.Id == command.SessionId) is { } session
            ? new([new Ended(session, command.Because)], Done.Instance)
            : new([], Done.Instance);

    /// <summary>Those that live.</summary>
    public static ImmutableArray<Session> Alive(SessionsState state, DateTimeOffset now) =>
        [.. state.Sessions.Where(s => IsAlive(s, now)).OrderByDescending(s => s.UsedAt)];

    /// <inheritdoc/>
    public SessionsState Apply(SessionsState state, SessionsEvent happened) => happened switch
    {
        Opened e => state with { Sessions = state.Sessions.Add(e.Session) },
        Used e => state with { Sessions = [.. state.Sessions.Select(s => s.Id == e.SessionId ? s with { UsedAt = e.At } : s)] },
        Ended e => state with { Sessions = state.Sessions.RemoveAll(s => s.Id == e.Session.Id) },
        _ => state,
    };

    /// <inheritdoc/>
    public IEnumerable<AuditDraft> Audit(SessionsState before, SessionsEvent happened)
    {
        switch (happened)
        {
            case Opened { Session: var s }:
                yield return new AuditDraft(AuditTypes.SessionOpened,
                [
                    new("principal", s.Principal.Value, Personal: true),
                    new("session", s.Id),
                    .. s.SignIn.ToAudit(),
                    AuditField.At("expires_at", s.ExpiresAt),
                ]);
                break;
            case Ended { Session: var s } e:
                yield return new AuditDraft(AuditTypes.SessionEnded,
                    [new("principal", s.Principal.Value, Personal: true), new("session", s.Id), new("because", e.Because)]);
                break;
            default:
                break;
        }
    }

    /// <inheritdoc/>
    public IEnumerable<OutboxMessage> Effects(SessionsState after, SessionsEvent happened) => [];

    /// <inheritdoc/>
    public DateTimeOffset? NextDue(SessionsState state) => state.Sessions.Select(s => (DateTimeOffset?)s.EndsAt).Min();

    /// <inheritdoc/>
    public ImmutableArray<SessionsEvent> Tick(SessionsState state, DateTimeOffset now) => [.. Over(state, now)];

    private static IEnumerable<SessionsEvent> Over(SessionsState state, DateTimeOffset now) =>
        state.Sessions.Where(s => !IsAlive(s, now)).Select(s => EndOf(s, now));

    private static bool IsAlive(Session session, DateTimeOffset now) => now < session.EndsAt;

    private static Ended EndOf(Session session, DateTimeOffset now) => new(session, now >= session.ExpiresAt ? SessionEnds.Expired : SessionEnds.Idle);
}
