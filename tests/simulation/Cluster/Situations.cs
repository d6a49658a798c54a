using JitGrains.Simulation.Edges;
using JitGrains.Simulation.Machine;

namespace JitGrains.Simulation.Cluster;

/// <summary>
/// Plans that are each made for one coincidence which the plans of seeds hardly ever meet: a lease that is over while a call is in a
/// gateway's hands, a machine that stands still for longer than a lease, a wall clock that is set back while nothing gets through.
/// What exactly happens, and when, is for the dice.
/// </summary>
internal static class Situations
{
    private static readonly (string Name, Action<Making> Make)[] All =
    [
        ("ended-on-the-way", EndedOnTheWay),
        ("stops-in-between", StopsInBetween),
        ("clock-set-back", ClockSetBack),
        ("machine-sleeps", MachineSleeps),
        ("late-answer", LateAnswer),
        ("condemned", Condemned),
        ("cut-off-and-back", CutOffAndBack),
        ("store-goes-back", StoreGoesBack),
        ("uses-get-lost", UsesGetLost),
        ("forgotten-on-the-way", ForgottenOnTheWay),
        ("stops-in-order", StopsInOrder),
        ("shared-limit", SharedLimit),
        ("keys-and-tokens", KeysAndTokens),
        ("other-calls", OtherCalls),
    ];

    public static IReadOnlyList<string> Names { get; } = [.. All.Select(s => s.Name)];

    public static Plan Plan(string name, ulong seed)
    {
        var which = Array.FindIndex(All, s => s.Name == name);
        if (which < 0)
            throw new ArgumentException($"There is no situation {name}; there are {string.Join(", ", Names)}.", nameof(name));
        var making = new Making(new Dice(seed * 1_000_033 + (ulong)which ^ 0x517));
        All[which].Make(making);
        return making.Made(seed, name);
    }

    /// <summary>While a call connects, or its byte is on its way, what it relies on is taken away.</summary>
    private static void EndedOnTheWay(Making plan)
    {
        for (var round = 0; round < 4; round++)
        {
            var at = round * 3.2;
            var who = round % People.Callers.Length;
            plan.Add(at, OpKind.Policy, 0);
            plan.Add(at + 0.3, OpKind.Grant, who, 0);
            plan.Add(at + 0.5, OpKind.Stream, who, plan.Victim, 2.5);
            plan.Add(at + plan.Between(0.8, 2), plan.Chance(0.5) ? OpKind.TrapConnecting : OpKind.TrapSending, plan.Victim, Traps.Nothing);
            plan.Add(at + plan.Between(0.2, 2), OpKind.Grant, plan.Below(People.Callers.Length), plan.Chance(0.5) ? 1 : 100 + round);
        }
    }

    /// <summary>A gateway stops for longer than its lease, or dies, with a call in its hands.</summary>
    private static void StopsInBetween(Making plan)
    {
        var what = plan.Below(3) switch { 0 => Traps.Crash, 1 => Traps.StopMachine, _ => Traps.Suspend };
        plan.Add(0, OpKind.Grant, 0, 0);
        plan.Add(0, OpKind.Grant, 1, 0);
        var at = plan.Between(0.6, 1.5);
        plan.Add(at, plan.Chance(0.8) ? OpKind.TrapConnecting : OpKind.TrapSending, plan.Victim, what, plan.Between(6.2, 8.5));
        if (plan.Chance(0.6))
            plan.Add(at, OpKind.Cut, plan.Victim, 1, 9.5);
        if (what == Traps.Crash && plan.Chance(0.7))
            plan.Add(at + 0.05, OpKind.Grant, 0, plan.Chance(0.5) ? 1 : 100);
        else
            plan.Add(0.5, OpKind.Stream, 0, plan.Victim, plan.Between(1.5, 9));
        plan.Add(at + 1.2, OpKind.RevokePrincipal, plan.Below(2), 0);
    }

    /// <summary>A gateway that hears nothing has its wall clock set back, and a grant is revoked.</summary>
    private static void ClockSetBack(Making plan)
    {
        plan.Add(0, OpKind.Grant, 0, 0);
        plan.Add(0.4, OpKind.Stream, 0, plan.Victim, 11);
        var at = plan.Between(0.8, 2);
        plan.Add(at, OpKind.Hang, plan.Victim, 0, 9);
        plan.Add(at + plan.Between(-0.5, 3), OpKind.SetClock, plan.Victim, plan.Chance(0.7) ? 5 : 3);
        plan.Add(at + plan.Between(0, 0.5), plan.Chance(0.5) ? OpKind.RevokeGrant : OpKind.RevokePrincipal, 0, 0);
    }

    /// <summary>A gateway's machine stands still for longer than a lease, and goes on.</summary>
    private static void MachineSleeps(Making plan)
    {
        plan.Add(0, OpKind.Grant, 0, 0);
        plan.Add(0.4, OpKind.Stream, 0, plan.Victim, 10);
        var at = plan.Between(0.8, 2);
        plan.Add(at, OpKind.StopMachine, plan.Victim, 0, plan.Between(6.2, 8));
        if (plan.Chance(0.8))
            plan.Add(at, OpKind.Cut, plan.Victim, 1, 10);
        plan.Add(at + plan.Between(0, 0.3), plan.Chance(0.5) ? OpKind.RevokeGrant : OpKind.RevokePrincipal, 0, 0);
    }

    /// <summary>The answer to a renewal is late, and it is the last that a gateway hears.</summary>
    private static void LateAnswer(Making plan)
    {
        plan.Add(0, OpKind.Grant, 0, 0);
        plan.Add(0.4, OpKind.Stream, 0, plan.Victim, 11);
        var at = plan.Between(0.8, 2);
        plan.Add(at, OpKind.LateRenewal, plan.Victim, plan.Between(1500, 2300), 10);
        plan.Add(at + plan.Between(0.1, 0.9), OpKind.RevokePrincipal, 0, 0);
    }

    /// <summary>A gateway that has the store and not the bus is condemned, and more is revoked.</summary>
    private static void Condemned(Making plan)
    {
        plan.Add(0, OpKind.Grant, 0, 0);
        plan.Add(0, OpKind.Grant, 1, 0);
        plan.Add(0.4, OpKind.Stream, 0, plan.Victim, 11);
        plan.Add(0.4, OpKind.Stream, 1, plan.Victim, 11);
        var at = plan.Between(0.7, 1.5);
        plan.Add(at, OpKind.Cut, plan.Victim, plan.Chance(0.8) ? 1 : 0, 10);
        plan.Add(at + 0.1, OpKind.RevokePrincipal, 0, 0);
        plan.Add(at + plan.Between(0.1, 4), OpKind.RevokePrincipal, 1, 0);
    }

    /// <summary>A gateway is cut off for longer than a lease while a grant is revoked, and comes back.</summary>
    private static void CutOffAndBack(Making plan)
    {
        plan.Add(0, OpKind.Grant, 0, 0);
        plan.Add(0.4, OpKind.Stream, 0, plan.Victim, 11);
        var at = plan.Between(0.7, 1.2);
        plan.Add(at, plan.Chance(0.5) ? OpKind.Cut : OpKind.Hang, plan.Victim, 0, plan.Between(6.3, 8));
        plan.Add(at + plan.Between(0, 0.5), OpKind.RevokePrincipal, 0, 0);
        if (plan.Chance(0.3))
            plan.Add(at + 0.3, OpKind.Block, 1, 0, 8);
    }

    /// <summary>An older copy takes the store's place, with a grant in it.</summary>
    private static void StoreGoesBack(Making plan)
    {
        plan.Add(0, OpKind.Grant, 0, 0);
        plan.Add(0.4, OpKind.Stream, 0, plan.Victim, 11);
        plan.Add(plan.Between(0.3, 1), OpKind.Backup, 0);
        plan.Add(1.2, OpKind.Grant, 1, 1);
        plan.Add(plan.Between(1.5, 2.5), OpKind.Restore, 0, 0, plan.Between(0.1, 1));
    }

    /// <summary>Uses are taken while what is asked of the store gets lost, its answer, or neither in time.</summary>
    private static void UsesGetLost(Making plan)
    {
        for (var i = 0; i < 6; i++)
        {
            plan.Add(0, OpKind.Refund, plan.Below(People.Callers.Length), i);
            plan.Add(plan.Between(0, 1.5), OpKind.Ship, plan.Below(People.Callers.Length), plan.Below(3));
        }

        for (var at = 0.6; at < 9; at += 0.7)
            plan.Add(at, OpKind.Approve, plan.Below(People.Approvers.Length), 0);
        plan.Add(0.5, OpKind.UpstreamTrouble, 3, 2, 9);
        plan.Add(plan.Between(0.8, 1.5), OpKind.StoreTrouble, plan.Chance(0.5) ? 2 : 3, plan.Below(2), 7);
    }

    /// <summary>An older copy takes the store's place while it is slow: what was read from the store before is in the processes' hands.</summary>
    private static void ForgottenOnTheWay(Making plan)
    {
        plan.Add(0, OpKind.Backup, 0);
        plan.Add(0.2, OpKind.StoreTrouble, 3, 2, 4);
        for (var i = 0; i < 10; i++)
            plan.Add(plan.Between(0, 2.5), OpKind.Refund, plan.Below(People.Callers.Length), i);
        for (var i = 0; i < 3; i++)
            plan.Add(plan.Between(0.5, 3), OpKind.Approve, plan.Below(People.Approvers.Length), 0);
        plan.Add(plan.Between(0.5, 2.5), OpKind.Block, plan.Below(People.Callers.Length), 0, 1);
        var at = plan.Between(1, 3.0);
        plan.Add(at, OpKind.Restore, 0, 0, plan.Between(0.0, 0.05));
        // Who starts right before it registers in between.
        if (plan.Chance(0.6))
            plan.Add(at - plan.Between(0.3, 1.8), OpKind.Crash, plan.Victim, 0, 0.05);
    }

    /// <summary>A gateway stops in order, and starts again, while calls come, are held and are on their way, and what they rely on is taken away.</summary>
    private static void StopsInOrder(Making plan)
    {
        plan.Add(0, OpKind.Grant, 0, 0);
        plan.Add(0.4, OpKind.Stream, 0, plan.Victim, 9);
        for (var i = 0; i < 4; i++)
            plan.Add(plan.Between(0.5, 3), plan.Chance(0.5) ? OpKind.Refund : OpKind.Read, plan.Below(People.Callers.Length), i);
        var at = plan.Between(1, 3);
        plan.Add(at - 0.05, plan.Chance(0.5) ? OpKind.TrapConnecting : OpKind.TrapSending, plan.Victim, Traps.Nothing);
        plan.Add(at, OpKind.Stop, plan.Victim, 0, plan.Between(0.1, 3));
        plan.Add(at + plan.Between(-0.2, 0.2), OpKind.Approve, 1, 0);
        plan.Add(at + plan.Between(-0.1, 0.6), plan.Chance(0.5) ? OpKind.RevokePrincipal : OpKind.Block, 0, 0, 1);
        if (plan.Chance(0.3))
            plan.Add(at + plan.Between(-0.5, 1), OpKind.Stop, plan.Silo, 0, plan.Between(0.1, 2));
    }

    /// <summary>More than a shared limit lets through, by all gateways, one of which dies or stops, or by one after the other.</summary>
    private static void SharedLimit(Making plan)
    {
        plan.Add(0.5, OpKind.Lists, plan.Victim, plan.Below(2), 6);
        plan.Add(plan.Between(0.5, 3), OpKind.Lists, plan.Victim + 1, plan.Below(2), 6);
        plan.Add(plan.Between(8, 10), OpKind.Lists, plan.Victim, 0, 4);
        if (plan.Chance(0.6))
            plan.Add(plan.Between(1, 9), plan.Chance(0.5) ? OpKind.Crash : OpKind.Stop, plan.Victim, 0, plan.Between(0.1, 3));
        if (plan.Chance(0.3))
            plan.Add(plan.Between(1, 6), OpKind.Policy, 1);
    }

    /// <summary>The issuer takes a key back while its tokens are in use, and API keys are revoked while they are.</summary>
    private static void KeysAndTokens(Making plan)
    {
        plan.Add(0, OpKind.TokenTrouble, 0, 2);
        plan.Add(0.1, OpKind.KeyReads, 0, 0, 12);
        plan.Add(plan.Between(0.1, 3), OpKind.KeyReads, 1, 0, 24);
        plan.Add(0.2, OpKind.Grant, 0, 0);
        plan.Add(0.4, OpKind.Stream, 0, plan.Victim, 6);
        for (var at = 1.0; at < 27; at += 0.2)
            plan.Add(at, OpKind.Read, 0, 1);
        if (plan.Chance(0.5))
            plan.Add(plan.Between(9, 12), OpKind.TokenTrouble, 0, 0);
        plan.Add(plan.Between(3, 8), OpKind.RevokeKey, 0);
        if (plan.Chance(0.4))
            plan.Add(plan.Between(2, 7.8), OpKind.Cut, plan.Victim, 1, 6);
        if (plan.Chance(0.3))
            plan.Add(plan.Between(0, 15), OpKind.TokenTrouble, 0, 1, 4);
    }

    /// <summary>Callers have calls approved, and send others in their place, by gateways of which one crashes, hears nothing, or has nothing in memory yet.</summary>
    private static void OtherCalls(Making plan)
    {
        for (var who = 0; who < People.Callers.Length; who++)
        {
            plan.Add(plan.Between(0, 1.5), OpKind.Others, who, 1);
            plan.Add(plan.Between(0, 3.0), OpKind.Others, who, plan.Below(2));
        }

        if (plan.Chance(0.4))
            plan.Add(plan.Between(0.3, 3), plan.Chance(0.5) ? OpKind.Crash : OpKind.Cut, plan.Victim, 0, plan.Between(0.1, 3));
    }

    /// <summary>A plan while it is made.</summary>
    private sealed class Making
    {
        private readonly Dice dice;
        private readonly int gateways;
        private readonly int silos;
        private readonly List<(double At, OpKind Kind, int A, int B, double For)> ops = [];

        public Making(Dice dice)
        {
            this.dice = dice;
            (gateways, silos) = (dice.Between(1, 2), dice.Between(1, 2));
            Victim = dice.Below(gateways);
        }

        /// <summary>The gateway that it happens to.</summary>
        public int Victim { get; }

        /// <summary>A silo.</summary>
        public int Silo => gateways;

        public bool Chance(double share) => dice.Chance(share);

        public int Below(int count) => dice.Below(count);

        public int Between(int from, int to) => dice.Between(from, to);

        public double Between(double from, double to) => dice.Between(TimeSpan.FromSeconds(from), TimeSpan.FromSeconds(to)).TotalSeconds;

        public void Add(double at, OpKind kind, int a, int b = 0, double length = 0) => ops.Add((Math.Max(0, at), kind, a, b, length));

        public Plan Made(ulong seed, string situation) => new(
            seed,
            gateways,
            silos,
            TimeSpan.FromSeconds(ops.Max(o => o.At + o.For)),
            [.. ops.OrderBy(o => o.At).Select((o, i) => new Op(i, TimeSpan.FromSeconds(o.At), o.Kind, o.A, o.B, TimeSpan.FromSeconds(o.For)))])
        {
            Situation = situation,
        };
    }
}
