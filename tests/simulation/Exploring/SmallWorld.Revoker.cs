using JitGrains.Gateways;
using JitGrains.Principals;
using JitGrains.Simulation.Edges;
using static JitGrains.Simulation.Exploring.Places;

namespace JitGrains.Simulation.Exploring;

/// <content>The steps of whoever revokes.</content>
internal sealed partial class SmallWorld
{
    private const char Began = '\u0001', Committed = '\u0002', AllTold = '\u0003', Returned = '\u0004';

    /// <summary>What it knows of an incarnation: nothing, the bus' answer, its mail's fate, that it is waited out.</summary>
    private const char ByBus = '\u0001', Posted = '\u0002', Condemned = '\u0003', Settled = '\u0004';

    private void Revoking()
    {
        switch (now[Revoker])
        {
            case '\0' when bug == Bug.ListBeforeCommit:
                Take("the directory is read", w =>
                {
                    List(w);
                    w[Revoker] = Began;
                });
                break;
            case '\0' or Began:
                Take("the revocation is committed", w =>
                {
                    var command = new RevokeCommand("cm", GrantId, People.Id("olga"), null);
                    var taken = principals.Turn(w[Principal], "revoke", w[Time], (s, at) => PrincipalMachine.Decide(s, command, at));
                    // There is nothing to revoke yet.
                    if (!taken.IsTaken)
                        return;
                    Held(w, taken);
                    w[Revoker] = Committed;
                    if (now[Revoker] == Began)
                        Tells(w);
                });
                break;
            case Committed:
                Take("the directory is read, and all are told", w =>
                {
                    List(w);
                    Tells(w);
                });
                break;
            case AllTold:
                for (var incarnation = 0; incarnation < 4; incarnation++)
                {
                    if (now[Listed + incarnation] == 1)
                        Waiting(incarnation);
                }

                if (bug == Bug.RevokerDoesNotWait || Enumerable.Range(0, 4).All(IsOver))
                    Take("the revocation returns", w => w[Revoker] = Returned);
                break;
            default:
                break;
        }
    }

    private void List(char[] w)
    {
        var listed = directories[w[Places.Directory]].Entries;
        for (var incarnation = 0; incarnation < 4; incarnation++)
            w[Listed + incarnation] = listed.Any(e => e.Incarnation == NameOf(incarnation)) ? '\u0001' : '\0';
    }

    /// <summary>By the bus, which may lose it: nobody has to apply it.</summary>
    private static void Tells(char[] w)
    {
        w[Revoker] = AllTold;
        (w[Of(0, Places.Told)], w[Of(1, Places.Told)]) = ('\u0001', '\u0001');
    }

    private void Waiting(int incarnation)
    {
        var name = NameOf(incarnation);
        var (answer, lease) = (now[Answered + incarnation], leases[now[Leases + incarnation]]);
        if (answer == 0)
        {
            Take($"mail is left for {name}", w =>
            {
                var taken = leases.Turn(w[Leases + incarnation], "post", w[Time], (s, at) => GatewayMachine.Decide(s, Letter, name, at));
                w[Leases + incarnation] = (char)taken.State;
                w[Answered + incarnation] = taken.IsTaken ? Posted : lease.Phase == LeasePhase.Condemned ? Condemned : Settled;
                if (lease.Phase == LeasePhase.Condemned)
                    w[CondemnedAt + incarnation] = w[Time];
            });
        }

        if (answer == Posted && !IsOver(incarnation))
        {
            Take($"{name} is condemned", w =>
            {
                var command = new CondemnGateway(LeaseEnds.Unacknowledged, MailId);
                w[Leases + incarnation] = (char)leases.Turn(w[Leases + incarnation], "condemn", w[Time], (s, at) => GatewayMachine.Decide(s, command, name, at)).State;
                (w[Answered + incarnation], w[CondemnedAt + incarnation]) =
                    leases[w[Leases + incarnation]].Phase == LeasePhase.Condemned ? (Condemned, w[Time]) : (Settled, '\0');
            });
        }

    }

    /// <summary>Whether there is nothing to wait for: it was not listed, acknowledged by bus or mail, is closed, or was waited out.</summary>
    private bool IsOver(int incarnation) => now[Listed + incarnation] == 0 || now[Answered + incarnation] switch
    {
        ByBus or Settled => true,
        Posted => leases[now[Leases + incarnation]] is var lease && (lease.Acknowledged.Contains(MailId) || lease.Phase == LeasePhase.Closed),
        Condemned => now[Time] >= now[CondemnedAt + incarnation] + Lease || bug == Bug.CondemnWithoutWaiting,
        _ => false,
    };
}
