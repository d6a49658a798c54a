using System.Collections.Immutable;
using JitGrains.Audit;
using JitGrains.Outbox;
using JitGrains.Shell;
using static JitGrains.Gateways.GatewayEvent;

namespace JitGrains.Gateways;

/// <summary>
/// The decisions about one incarnation's lease. It keeps no deadline: the gateway counts from before it sends a renewal, by
/// its own clock, and whoever condemns it waits by theirs. Pure and thread-safe.
/// </summary>
public sealed class GatewayMachine : IStateMachine<GatewayState, GatewayEvent>
{
    /// <summary>Pieces of mail that may wait; a gateway with more does not read them, and is condemned.</summary>
    public const int MaxMail = 256;

    /// <summary>How many acknowledged ids are remembered.</summary>
    public const int RememberedAcknowledgements = 64;

    /// <summary>Begins the lease.</summary>
    public static Decision<GatewayEvent, LeaseView> Decide(GatewayState state, OpenLease command, string incarnation, DateTimeOffset now) =>
        // Never twice: whoever did not get the answer takes a fresh incarnation.
        state.Phase == LeasePhase.NotOpen
            ? Answer(state, new Opened(incarnation, command, now))
            : new Refusal.LeaseOver(state.Phase);

    /// <summary>Renews it.</summary>
    public static Decision<GatewayEvent, LeaseView> Decide(GatewayState state, RenewLease command, DateTimeOffset now)
    {
        if (state.Phase != LeasePhase.Open)
            return new Refusal.LeaseOver(state.Phase);
        // The gateway has seen more renewals succeed than the store remembers: the store went back, and may have lost more.
        if (state.Renewals < command.Known)
            return new Refusal.LeaseOver(LeasePhase.Condemned);
        return Answer(state, [.. Known(state, command.Acknowledged), new Renewed(now)]);
    }

    /// <summary>Leaves mail.</summary>
    public static Decision<GatewayEvent, LeaseView> Decide(GatewayState state, GatewayMail mail, string incarnation, DateTimeOffset now)
    {
        if (state.Phase != LeasePhase.Open)
            return new Refusal.LeaseOver(state.Phase);
        if (state.Acknowledged.Contains(mail.Id, StringComparer.Ordinal) || state.Mail.Any(m => m.Id == mail.Id))
            return new([], View(state));
        return state.Mail.Length < MaxMail
            ? Answer(state, new Posted(mail))
            : new([new Condemned(incarnation, LeaseEnds.TooMuchMail, state.Mail.Length, now)], new Refusal.LeaseOver(LeasePhase.Condemned));
    }

    /// <summary>Takes note that mail was applied, whatever the lease's phase: it is true in any.</summary>
    public static Decision<GatewayEvent, Done> Decide(GatewayState state, AcknowledgeMail command) =>
        new([.. Known(state, command.Ids)], Done.Instance);

    /// <summary>Condemns it, unless what it is condemned for is not so.</summary>
    public static Decision<GatewayEvent, LeaseView> Decide(GatewayState state, CondemnGateway command, string incarnation, DateTimeOffset now)
    {
        if (state.Phase is LeasePhase.Condemned or LeasePhase.Closed
            || (command.UnlessAcknowledged is { } mail && state.Acknowledged.Contains(mail, StringComparer.Ordinal))
            || (command.UnlessRenewedPast is { } renewals && state.Renewals > renewals))
        {
            return new([], View(state));
        }

        // One that was never opened too: it must not be opened any more.
        return Answer(state, new Condemned(incarnation, command.Because, state.Mail.Length, now));
    }

    /// <summary>Closes it for good.</summary>
    public static Decision<GatewayEvent, LeaseView> Decide(GatewayState state, CloseLease command, string incarnation, DateTimeOffset now) =>
        state.Phase == LeasePhase.Closed
            ? new([], View(state))
            : Answer(state, new Closed(incarnation, command.Because, now));

    /// <summary>The lease as it stands.</summary>
    public static LeaseView View(GatewayState state) => new()
    {
        Phase = state.Phase,
        Renewals = state.Renewals,
        Mail = state.Mail,
        Acknowledged = state.Acknowledged,
        Lease = state.Lease,
        AllowMaxStale = state.AllowMaxStale,
        OpenedAt = state.OpenedAt,
        RenewedAt = state.RenewedAt,
        EndedAt = state.EndedAt,
        EndedBecause = state.EndedBecause,
    };

    /// <inheritdoc/>
    public GatewayState Apply(GatewayState state, GatewayEvent happened) => Next(state, happened);

    /// <inheritdoc/>
    public IEnumerable<AuditDraft> Audit(GatewayState before, GatewayEvent happened) => [];

    /// <summary>Leases come and go: they are told in the system chain, not in a chain for each.</summary>
    public IEnumerable<OutboxMessage> Effects(GatewayState after, GatewayEvent happened)
    {
        switch (happened)
        {
            case Opened e:
                if (e.Terms.Journal is { } journal)
                {
                    yield return new OutboxMessage.Audit(journal);
                    yield return new OutboxMessage.RecordInSystemChain(SystemChain.Opened(journal));
                }

                yield return Tell(AuditTypes.GatewayOpened, e.Incarnation, new("process", e.Terms.Process), new("name", e.Terms.Name));
                break;
            case Condemned e:
                yield return Tell(AuditTypes.GatewayCondemned, e.Incarnation, new("because", e.Because), new("unacknowledged", e.Unacknowledged.ToString()));
                break;
            case Closed e:
                yield return Tell(AuditTypes.GatewayClosed, e.Incarnation, new AuditField("because", e.Because));
                break;
            default:
                break;
        }
    }

    /// <inheritdoc/>
    public DateTimeOffset? NextDue(GatewayState state) => null;

    /// <inheritdoc/>
    public ImmutableArray<GatewayEvent> Tick(GatewayState state, DateTimeOffset now) => [];

    private static GatewayState Next(GatewayState state, GatewayEvent happened) => happened switch
    {
        Opened e => state with
        {
            Phase = LeasePhase.Open,
            Lease = e.Terms.Lease,
            AllowMaxStale = e.Terms.AllowMaxStale,
            OpenedAt = e.At,
            RenewedAt = e.At,
        },
        Renewed e => state with { Renewals = state.Renewals + 1, RenewedAt = e.At },
        Posted e => state with { Mail = state.Mail.Add(e.Mail) },
        GatewayEvent.Acknowledged e => state with
        {
            Mail = state.Mail.RemoveAll(m => e.Ids.Contains(m.Id, StringComparer.Ordinal)),
            Acknowledged = [.. state.Acknowledged.AddRange(e.Ids).TakeLast(RememberedAcknowledgements)],
        },
        Condemned e => state with { Phase = LeasePhase.Condemned, EndedAt = e.At, EndedBecause = e.Because },
        Closed e => state with { Phase = LeasePhase.Closed, Mail = [], EndedAt = state.EndedAt ?? e.At, EndedBecause = state.EndedBecause ?? e.Because },
        _ => state,
    };

    /// <summary>Acknowledgements of mail that is known here, which others have not told before.</summary>
    private static IEnumerable<GatewayEvent> Known(GatewayState state, ImmutableArray<string> ids)
    {
        ImmutableArray<string> known = [.. ids.Where(id => state.Mail.Any(m => m.Id == id))];
        if (!known.IsEmpty)
            yield return new GatewayEvent.Acknowledged(known);
    }

    private static Decision<GatewayEvent, LeaseView> Answer(GatewayState state, params ImmutableArray<GatewayEvent> events) =>
        new(events, View(events.Aggregate(state, Next)));

    private static OutboxMessage.RecordInSystemChain Tell(string type, string incarnation, params ReadOnlySpan<AuditField> more) =>
        new(new SystemRecord($"{type}:{incarnation}", type, [new("incarnation", incarnation), .. more]));
}
