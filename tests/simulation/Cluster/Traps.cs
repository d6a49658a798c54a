using JitGrains.Simulation.Edges;
using JitGrains.Simulation.Machine;

namespace JitGrains.Simulation.Cluster;

/// <summary>
/// What happens just while a call is on its way: chance alone hardly ever meets the moment. The call takes its time there, and
/// somebody takes away what it relies on; what else happens to its gateway is <see cref="Op.B"/>.
/// </summary>
internal sealed class Traps(World world, SimCluster cluster, Story story, Faults faults)
{
    /// <summary>Nothing else.</summary>
    public const int Nothing = 0;

    /// <summary>Its process stands still.</summary>
    public const int Suspend = 1;

    /// <summary>Its machine does.</summary>
    public const int StopMachine = 2;

    /// <summary>It is cut off, and is not told so.</summary>
    public const int Hang = 3;

    /// <summary>It crashes.</summary>
    public const int Crash = 4;

    private readonly List<(Op Op, Dice Dice)> armed = [];

    /// <summary>Waits for the next call that comes there.</summary>
    public void Arm(Op op, Dice dice)
    {
        armed.Add((op, dice));
        cluster.Upstream.Passing = Passing;
    }

    public void Disarm() => armed.Clear();

    private TimeSpan? Passing(SimProcess process, Passage passage, string token, string method)
    {
        var kind = passage == Passage.Connecting ? OpKind.TrapConnecting : OpKind.TrapSending;
        var which = armed.FindIndex(t => t.Op.Kind == kind && cluster[t.Op.A]?.Process == process);
        // Who may read may go on reading.
        if (which < 0 || method == "GET")
            return null;
        var (op, dice) = armed[which];
        armed.RemoveAt(which);
        world.History.Add("trap", $"{op.Kind} {process.Name} {method}");
        if (cluster.Issuer.Of(token) is not { Who: var who })
            return null;
        // Those of the store's and of the bus' many ways are a few milliseconds each.
        var takes = passage == Passage.Connecting ? dice.Between(TimeSpan.FromMilliseconds(3), TimeSpan.FromMilliseconds(60)) : dice.Between(TimeSpan.FromMilliseconds(15), TimeSpan.FromMilliseconds(40));
        var fault = op.B switch { Suspend => OpKind.Suspend, StopMachine => OpKind.StopMachine, Hang => OpKind.Hang, Crash => OpKind.Crash, _ => (OpKind?)null };
        if (fault is { } what)
            world.At(dice.Between(TimeSpan.Zero, takes), () => faults.Happen(op with { Kind = what }));
        // Before it is there, or as soon as it is.
        world.At(dice.Between(TimeSpan.Zero, fault is null ? takes / 2 : takes), () => world.Outside.Post(_ => _ = story.Ends(who, method, dice), null));
        return takes;
    }
}
