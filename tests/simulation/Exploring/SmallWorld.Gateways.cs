using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Leases;
using JitGrains.Gateways;
using JitGrains.Grants;
using JitGrains.Principals;
using JitGrains.Runtime.Engine;
using static JitGrains.Simulation.Exploring.Places;

namespace JitGrains.Simulation.Exploring;

/// <content>The steps of a gateway.</content>
internal sealed partial class SmallWorld
{
    private static readonly string GrantId = Grant.IdFor("rq_1");

    private void Registering(int gateway)
    {
        var (name, phase) = ($"gateway {gateway + 1}", now[Of(gateway, Phase)]);
        var incarnation = Incarnation(now.ToCharArray(), gateway);
        if (now[Of(gateway, Run)] <= 2)
        {
            if (phase == Registered.No || (bug == Bug.OpenBeforeListed && phase == Registered.Counts))
            {
                Take($"{name} enters the directory", w =>
                {
                    w[Places.Directory] = (char)directories.Turn(w[Places.Directory], $"add {incarnation}", 0, (s, _) => GatewayDirectoryMachine.Decide(s, new GatewayEntry(NameOf(incarnation), name, name))).State;
                    w[Of(gateway, Phase)] = phase == Registered.No ? Registered.Listed : phase;
                });
            }

            if (phase == Registered.Listed || (bug == Bug.OpenBeforeListed && phase == Registered.No))
            {
                Take($"{name} opens its lease", w =>
                {
                    var taken = leases.Turn(w[Leases + incarnation], "open", w[Time], (s, at) => GatewayMachine.Decide(s, new OpenLease(name, name, TimeSpan.FromSeconds(Lease), TimeSpan.Zero, null), NameOf(incarnation), at));
                    w[Leases + incarnation] = (char)taken.State;
                    if (taken.IsTaken)
                        (w[Of(gateway, Phase)], w[Of(gateway, SentAt)]) = (Registered.Open, w[Time]);
                    else
                        Leave(w, gateway);
                });
            }

            if (phase == Registered.Open && now[Of(gateway, Execution)] != Runs.Passed)
            {
                Take($"{name}'s lease counts", w =>
                {
                    if (bug != Bug.KeepViewsAtRegistration)
                        Drop(w, gateway);
                    EndUnstarted(w, gateway);
                    if (IsLive(w[Of(gateway, SentAt)], w[Time]))
                        w[Of(gateway, Phase)] = Registered.Counts;
                    else
                        Leave(w, gateway);
                });
            }

            if (phase == Registered.Counts)
                Renewing(gateway, name, incarnation);
        }

        // The gateways are alike: which of them crashes makes no difference.
        if (gateway == 0 && now[Of(gateway, Crashes)] == 0 && phase == Registered.Counts)
        {
            Take($"{name} crashes and starts again", w =>
            {
                w[Of(gateway, View)] = Views.None;
                (w[Of(gateway, Mail)], w[Of(gateway, Told)], w[Of(gateway, ToldAs)], w[Of(gateway, Has)]) = ('\0', '\0', '\0', '\0');
                w[Of(gateway, Execution)] = w[Of(gateway, Execution)] is Runs.None or Runs.Sent ? w[Of(gateway, Execution)] : Runs.Over;
                (w[Of(gateway, Phase)], w[Of(gateway, Renewal)], w[Of(gateway, Former)]) = (Registered.No, '\0', '\0');
                w[Of(gateway, Run)]++;
                w[Of(gateway, Crashes)] = '\u0001';
            });
        }
    }

    private void Renewing(int gateway, string name, int incarnation)
    {
        var isLive = IsLive(now[Of(gateway, SentAt)], now[Time]);
        if (now[Of(gateway, Renewal)] == 0 && isLive)
        {
            Take($"{name}'s renewal is committed", w =>
            {
                var taken = leases.Turn(w[Leases + incarnation], "renew", w[Time], (s, at) =>
                    GatewayMachine.Decide(bug == Bug.CondemnedLeaseIsRenewed && s.Phase == LeasePhase.Condemned ? s with { Phase = LeasePhase.Open } : s, new RenewLease(0, []), at));
                w[Leases + incarnation] = (char)taken.State;
                w[Of(gateway, Renewal)] = taken.IsTaken ? (char)(w[Time] + 1) : '\uffff';
            });
        }

        if (now[Of(gateway, Renewal)] != 0)
        {
            Take($"{name} hears of its renewal", w =>
            {
                var sent = w[Of(gateway, Renewal)];
                w[Of(gateway, Renewal)] = '\0';
                if (sent == '\uffff' || !isLive)
                    Lose(w, gateway);
                else
                    w[Of(gateway, SentAt)] = bug == Bug.LeaseFromTheAnswer ? w[Time] : (char)(sent - 1);
            });
        }

        if (!isLive)
            Take($"{name} finds its lease over", w => Lose(w, gateway));
    }

    private void Calling(int gateway)
    {
        var name = $"gateway {gateway + 1}";
        var (phase, execution, view) = (now[Of(gateway, Phase)], now[Of(gateway, Execution)], now[Of(gateway, View)]);
        if (view == Views.None && execution == Runs.None && phase != Registered.No)
        {
            Take($"{name} reads the grants", w =>
            {
                w[Of(gateway, View)] = Views.Reading;
                w[Of(gateway, Has)] = principals.Says(w[Principal], "view", w[Time], (s, at) => PrincipalMachine.View(s, at).Grants.Any(g => g.Grant.Id == GrantId)) ? '\u0001' : '\0';
            });
        }

        if (view is Views.Reading or Views.ReadingDropped)
        {
            Take($"{name} has read the grants", w =>
            {
                w[Of(gateway, View)] = view == Views.Reading && w[Of(gateway, Has)] == 1 ? Views.There : Views.None;
                w[Of(gateway, Has)] = '\0';
            });
        }

        if (view == Views.There && execution == Runs.None && phase == Registered.Counts)
            Take($"{name} registers a call", w => w[Of(gateway, Execution)] = Runs.Registered);
        if (execution == Runs.Registered && isCounted)
        {
            Take($"{name}'s use is taken", w =>
            {
                var use = new ConsumeCommand($"ex_{gateway}", GrantId, name, "orders.delete", "", null, "one", "1");
                var taken = principals.Turn(w[Principal], $"consume {gateway}", w[Time], (s, at) =>
                    PrincipalMachine.Decide(bug == Bug.UsesAreNotCounted ? Uncounted(s) : s, use, Alice.Value, at));
                Held(w, taken);
                w[Of(gateway, Execution)] = taken.IsTaken ? Runs.Answered : Runs.Over;
            });
        }

        if (execution == Runs.Registered && !isCounted)
            Take($"{name} looks whether its view is current", w => w[Of(gateway, Execution)] = w[Of(gateway, View)] == Views.There ? Runs.Answered : Runs.Over);
        if (execution == Runs.Answered)
        {
            Take($"{name} looks a last time", w =>
            {
                var may = (phase == Registered.Counts && IsLive(w[Of(gateway, SentAt)], w[Time])) || bug == Bug.NoLookAtTheLease;
                var lives = At(w[Time]) < principals[w[Principal]].Grants.GetValueOrDefault(GrantId)?.Grant.ExpiresAt || bug == Bug.NoLookAtTheExpiry;
                w[Of(gateway, Execution)] = may && lives ? Runs.Passed : Runs.Over;
            });
        }

        if (execution == Runs.Passed)
        {
            Take($"{name}'s first byte goes out", w =>
            {
                w[Of(gateway, Execution)] = Runs.Sent;
                w[Bytes]++;
            });
        }
    }

    private static PrincipalState Uncounted(PrincipalState state) => state.Grants.TryGetValue(GrantId, out var held) && held.Status == GrantStatus.Consumed
        ? state with { Grants = state.Grants.SetItem(GrantId, held with { UsesLeft = 1, Status = GrantStatus.Active }) }
        : state;

    /// <summary>What it was told, by the bus or in its mail, and what it gave up.</summary>
    private void Ending(int gateway)
    {
        var name = $"gateway {gateway + 1}";
        var (phase, execution) = (now[Of(gateway, Phase)], now[Of(gateway, Execution)]);
        var incarnation = Incarnation(now.ToCharArray(), gateway);
        var isDrained = execution != Runs.Passed || bug == Bug.AcknowledgeBeforeDraining;
        if (phase is Registered.Open or Registered.Counts)
        {
            if (now[Of(gateway, Mail)] == 0 && leases[now[Leases + incarnation]].Mail.Length > 0)
            {
                Take($"{name} applies its mail", w =>
                {
                    Invalidate(w, gateway);
                    w[Of(gateway, Mail)] = '\u0001';
                });
            }

            if (now[Of(gateway, Mail)] == 1 && isDrained)
            {
                Take($"{name} acknowledges its mail", w =>
                {
                    w[Leases + incarnation] = (char)leases.Turn(w[Leases + incarnation], "acknowledge", w[Time], (s, _) => GatewayMachine.Decide(s, new AcknowledgeMail([MailId]))).State;
                    w[Of(gateway, Mail)] = '\0';
                });
            }
        }

        // What it cannot apply in time makes it give its lease up.
        if (phase == Registered.Counts && now[Of(gateway, Mail)] == 1 && execution == Runs.Passed)
            Take($"{name} gives its lease up", w => Lose(w, gateway));

        if (now[Of(gateway, Places.Told)] == 1 && phase is Registered.Open or Registered.Counts)
        {
            Take($"{name} applies what the bus says", w =>
            {
                Invalidate(w, gateway);
                (w[Of(gateway, Places.Told)], w[Of(gateway, ToldAs)]) = ('\u0002', (char)(incarnation + 1));
            });
        }

        if (now[Of(gateway, ToldAs)] != 0 && isDrained)
        {
            Take($"{name} answers the bus", w =>
            {
                if (phase is Registered.Open or Registered.Counts && now[Of(gateway, ToldAs)] == incarnation + 1)
                    w[Answered + incarnation] = w[Answered + incarnation] == 0 ? '\u0001' : w[Answered + incarnation];
                w[Of(gateway, ToldAs)] = '\0';
            });
        }

        if (execution == Runs.Passed && now[Revoker] != 0)
            Take($"{name}'s call is cut off", w => w[Of(gateway, Execution)] = Runs.Over);
        if (now[Of(gateway, Former)] is var former and not '\0' && (execution != Runs.Passed || bug == Bug.CloseBeforeDraining))
        {
            Take($"{name} closes its former lease", w =>
            {
                w[Leases + former - 1] = (char)leases.Turn(w[Leases + former - 1], "close", w[Time], (s, at) => GatewayMachine.Decide(s, new CloseLease(LeaseEnds.Succeeded), NameOf(former - 1), at)).State;
                w[Of(gateway, Former)] = '\0';
            });
        }
    }

    private void Invalidate(char[] w, int gateway)
    {
        Drop(w, gateway);
        if (bug != Bug.DoNotEndWhatIsRegistered)
            EndUnstarted(w, gateway);
    }

    private void Drop(char[] w, int gateway)
    {
        ref var view = ref w[Of(gateway, View)];
        if (view == Views.Reading && bug != Bug.ReadInFlightIsKept)
            view = Views.ReadingDropped;
        if (view == Views.There && bug != Bug.KeepTheView)
            view = Views.None;
    }

    private static void EndUnstarted(char[] w, int gateway)
    {
        if (w[Of(gateway, Execution)] is Runs.Registered or Runs.Answered)
            w[Of(gateway, Execution)] = Runs.Over;
    }

    /// <summary>The lease is given up: nothing is answered from memory, and what has not started does not.</summary>
    private void Lose(char[] w, int gateway)
    {
        Drop(w, gateway);
        if (bug != Bug.NoLookAtTheLease)
            EndUnstarted(w, gateway);
        Leave(w, gateway);
    }

    /// <summary>Goes on as another incarnation, for which there may be none left.</summary>
    private static void Leave(char[] w, int gateway)
    {
        w[Of(gateway, Former)] = (char)(Incarnation(w, gateway) + 1);
        (w[Of(gateway, Phase)], w[Of(gateway, Renewal)], w[Of(gateway, Mail)]) = (Registered.No, '\0', '\0');
        w[Of(gateway, Run)]++;
    }

    /// <summary>The product's own lease, asked for at one moment and looked at in another.</summary>
    private static bool IsLive(int sentAt, int time)
    {
        var clock = new StandingClock { Time = At(sentAt) };
        var lease = new GatewayLease(clock, WellStore.Instance, new GatewayOptions { Lease = TimeSpan.FromSeconds(Lease) });
        lease.Begin("gw", clock.Now);
        clock.Time = At(time);
        return lease.IsLive;
    }

    private sealed class StandingClock : LeaseClock
    {
        public DateTimeOffset Time { get; set; }

        public override LeaseInstant Now => new(Time - At(0), Time);
    }

    private sealed class WellStore : IStoreHealth
    {
        public static readonly WellStore Instance = new();

        public StoreHealth Current { get; } = new(true, null);

        public Task<StoreHealth> CheckAsync(CancellationToken cancellationToken = default) => Task.FromResult(Current);
    }
}
