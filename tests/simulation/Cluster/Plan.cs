using System.Collections.Immutable;
using System.Globalization;
using JitGrains.Simulation.Edges;
using JitGrains.Simulation.Machine;

namespace JitGrains.Simulation.Cluster;

/// <summary>What can be done to the cluster, and what can happen to it.</summary>
internal enum OpKind
{
    Refund,
    Ship,
    Delete,
    Read,
    AskAhead,
    Approve,
    DoubleVote,
    RevokeGrant,
    RevokePrincipal,
    RevokeAction,
    Block,
    Policy,
    Cancel,
    Release,

    /// <summary>Asks for deletions, one shipment or one refund, and has it approved at once.</summary>
    Grant,

    /// <summary>Has a shipment or a refund approved, and sends other calls in its place before it sends that one.</summary>
    Others,

    /// <summary>Calls under a grant for deletions again and again, by one gateway.</summary>
    Stream,

    /// <summary>The next call that waits for its connection there does so for a while in which something happens.</summary>
    TrapConnecting,

    /// <summary>The same of one that is past its last check, its first byte on its way.</summary>
    TrapSending,

    /// <summary>Reads by an API key, which is made where there is none.</summary>
    KeyReads,

    RevokeKey,

    /// <summary>Lists, of which a shared limit lets so many through.</summary>
    Lists,

    Crash,
    Suspend,
    StopMachine,
    Cut,
    BusTrouble,
    StoreTrouble,
    StoreDown,
    StoreCrash,
    Backup,
    Restore,
    SetClock,
    UpstreamTrouble,

    /// <summary>Nothing gets through, and nobody is told so: what is asked is not answered.</summary>
    Hang,

    /// <summary>The answer to the next renewal is late, and nothing gets through after it.</summary>
    LateRenewal,

    /// <summary>It stops in order, and is started again.</summary>
    Stop,

    /// <summary>Callers present what is not, or no longer, good; or the issuer takes its key back, or is away.</summary>
    TokenTrouble,
}

/// <summary>One thing that is done, or happens.</summary>
/// <param name="Id">Its number in the plan as made: what it draws is its own, whatever else is left out.</param>
/// <param name="At">When it begins.</param>
/// <param name="Kind">What it is.</param>
/// <param name="A">Who, or where.</param>
/// <param name="B">What else.</param>
/// <param name="For">For how long, where that is a matter.</param>
internal sealed record Op(int Id, TimeSpan At, OpKind Kind, int A, int B, TimeSpan For)
{
    public bool IsFault => Kind >= OpKind.Crash;

    public bool IsTrap => Kind is OpKind.TrapConnecting or OpKind.TrapSending;

    public override string ToString() => $"{At.TotalSeconds:F3}s {Kind} {A} {B}{(For > TimeSpan.Zero ? $" for {For.TotalSeconds:F2}s" : "")}";
}

/// <summary>A history before it happens: everything in it follows from the seed, and from what was left out.</summary>
internal sealed record Plan(ulong Seed, int Gateways, int Silos, TimeSpan Length, ImmutableArray<Op> Ops)
{
    /// <summary>The situation that it was made for, where it was (<see cref="Situations"/>); null of what its seed alone makes.</summary>
    public string? Situation { get; init; }

    /// <summary>By which it is made again.</summary>
    public string Name => Situation is null ? $"{Seed}" : $"{Situation}:{Seed}";

    /// <summary>The plan of a name: a seed, or a situation and a seed.</summary>
    public static Plan Of(string name)
    {
        var parts = name.Split(':');
        var seed = ulong.Parse(parts[^1], CultureInfo.InvariantCulture);
        return parts.Length == 1 ? Of(seed) : Situations.Plan(parts[0], seed);
    }

    /// <summary>The one after the other of those that a search goes through: every other one is made for a situation.</summary>
    /// <param name="number">From 1.</param>
    /// <param name="seed">Its seed; without it, the seeds are gone through from 1 too.</param>
    public static Plan Next(int number, ulong? seed = null)
    {
        if (number % 2 == 1)
            return Of(seed ?? (ulong)(number + 1) / 2);
        var (round, which) = Math.DivRem((number / 2) - 1, Situations.Names.Count);
        return Situations.Plan(Situations.Names[which], seed ?? (ulong)round + 1);
    }

    /// <summary>The plan of a seed. Each has its own mix: many faults of few kinds find more than few of each.</summary>
    public static Plan Of(ulong seed)
    {
        var dice = new Dice(seed ^ 0x91a7);
        var gateways = dice.Between(1, 3);
        var silos = dice.Between(1, 2);
        var length = dice.Between(TimeSpan.FromSeconds(12), TimeSpan.FromSeconds(32));
        var ops = new List<(TimeSpan At, OpKind Kind, int A, int B, TimeSpan For)>();
        // Races need things to happen at once: some seeds have moments around which most of it does.
        var moments = Enumerable.Range(0, dice.Chance(0.6) ? dice.Between(2, 6) : 0).Select(_ => dice.Between(TimeSpan.FromSeconds(2), length)).ToArray();
        TimeSpan When() => moments.Length > 0 && dice.Chance(0.6)
            ? dice.Of(moments) + dice.Between(TimeSpan.FromMilliseconds(-60), TimeSpan.FromMilliseconds(dice.Chance(0.5) ? 60 : 1500))
            : dice.Between(TimeSpan.Zero, length);
        void Add(int count, OpKind kind, int a, int b, double longest = 0)
        {
            for (var i = 0; i < count; i++)
                ops.Add((When(), kind, dice.Below(a), dice.Below(b), longest > 0 ? dice.Between(TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(longest)) : TimeSpan.Zero));
        }

        var callers = People.Callers.Length;
        var orders = dice.Between(1, 4);
        Add(dice.Between(2, 8), OpKind.Refund, callers, orders * 2);
        Add(dice.Between(0, 4), OpKind.Ship, callers, orders);
        Add(dice.Between(2, 10), OpKind.Delete, callers, orders);
        Add(dice.Between(0, 4), OpKind.Read, callers, orders);
        Add(dice.Between(0, 3), OpKind.AskAhead, callers, orders);
        Add(dice.Between(8, 30), OpKind.Approve, People.Approvers.Length, 2);
        Add(dice.Between(0, 4), OpKind.DoubleVote, People.Approvers.Length, 2);
        if (dice.Chance(0.75))
            Add(dice.Between(2, 8), OpKind.RevokeGrant, 2, 8);
        if (dice.Chance(0.4))
            Add(dice.Between(1, 3), OpKind.RevokePrincipal, callers, 2);
        if (dice.Chance(0.4))
            Add(dice.Between(1, 3), OpKind.RevokeAction, 3, 2);
        if (dice.Chance(0.3))
            Add(dice.Between(1, 2), OpKind.Block, callers, 2, 6);
        if (dice.Chance(0.35))
            Add(dice.Between(1, 3), OpKind.Policy, Policies.All.Count, 2);
        if (dice.Chance(0.3))
            Add(dice.Between(1, 3), OpKind.Cancel, 4, 4);
        if (dice.Chance(0.3))
            Add(dice.Between(1, 3), OpKind.Release, 4, 4);

        var places = gateways + silos;
        void Maybe(double chance, int most, OpKind kind, int a, int b, double longest)
        {
            if (dice.Chance(chance))
                Add(dice.Between(1, most), kind, a, b, longest);
        }

        Maybe(0.5, 4, OpKind.Crash, places, 1, 6);
        Maybe(0.3, 3, OpKind.Stop, places, 1, 5);
        Maybe(0.4, 3, OpKind.Suspend, places, 1, 9);
        Maybe(0.25, 2, OpKind.StopMachine, places, 1, 9);
        Maybe(0.5, 5, OpKind.Cut, places, 3, 9);
        Maybe(0.4, 3, OpKind.BusTrouble, 4, 3, 10);
        Maybe(0.4, 3, OpKind.StoreTrouble, 4, 3, 8);
        Maybe(0.2, 2, OpKind.StoreDown, 1, 1, 7);
        Maybe(0.2, 2, OpKind.StoreCrash, 1, 1, 2);
        Maybe(0.25, 3, OpKind.SetClock, places, 6, 0);
        Maybe(0.3, 2, OpKind.UpstreamTrouble, 3, 3, 8);
        Maybe(0.3, 3, OpKind.TokenTrouble, 1, 3, 12);
        if (dice.Chance(0.3))
        {
            Add(dice.Between(2, 6), OpKind.KeyReads, People.Robots.Length, 2, 4);
            Add(dice.Between(0, 2), OpKind.RevokeKey, People.Robots.Length, 2);
        }

        if (dice.Chance(0.2))
            Add(dice.Between(1, 2), OpKind.Lists, gateways, 2, 4);
        if (dice.Chance(0.15))
        {
            Add(dice.Between(1, 3), OpKind.Backup, 1, 1);
            Add(1, OpKind.Restore, 1, 1, 2);
        }

        return new Plan(seed, gateways, silos, length, [.. ops.OrderBy(o => o.At).Select((o, i) => new Op(i, o.At, o.Kind, o.A, o.B, o.For))]);
    }

    public Dice DiceOf(Op op) => new(Seed * 1_000_003 + (ulong)op.Id + 17);
}
