using JitGrains.Audit;
using JitGrains.Shell;

namespace JitGrains.Sessions;

/// <summary>The shell around <see cref="SessionsMachine"/>.</summary>
[GrainType("sessions")]
public sealed class SessionsGrain(
    [PersistentState("sessions")] IPersistentState<GrainDocument<SessionsState>> document,
    ITurnClock clock,
    AuditSealer sealer)
    : MachineGrain<SessionsState, SessionsEvent>(new SessionsMachine(), document, clock, sealer), ISessionsGrain
{
    /// <summary>The key itself is personal.</summary>
    protected override string AuditSource => $"sessions/{Sealer.PersonalDigest(this.GetPrimaryKeyString())}";

    /// <inheritdoc/>
    public Task<Reply<Session>> Open(OpenSession command) =>
        command.Session.Principal.Value == this.GetPrimaryKeyString()
            ? Run((state, now) => SessionsMachine.Decide(state, command, now))
            : throw new ArgumentException("the session is another person's", nameof(command));

    /// <inheritdoc/>
    public Task<Reply<Session>> Use(string secretHash) => Run((state, now) => SessionsMachine.Use(state, secretHash, now));

    /// <inheritdoc/>
    public Task<Reply<Done>> End(EndSession command) => Run((state, _) => SessionsMachine.Decide(state, command));

    /// <inheritdoc/>
    public Task<SessionList> List() => Task.FromResult(new SessionList(SessionsMachine.Alive(State, Now)));

    /// <summary>That a session was used may be forgotten: it then ends a little earlier.</summary>
    protected override bool MayBeLost(SessionsEvent happened) => happened is SessionsEvent.Used;
}
