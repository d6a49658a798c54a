using JitGrains.Runtime.Engine;
using JitGrains.Simulation.Machine;

namespace JitGrains.Simulation.Edges;

/// <summary>The bus between the processes: it delays, drops, doubles and reorders.</summary>
internal sealed class BusNetwork(World world)
{
    private readonly List<SimBus> members = [];

    public double Drops { get; set; }

    public double Doubles { get; set; }

    public double Late { get; set; }

    public SimBus Join(SimProcess process)
    {
        var bus = new SimBus(this, process);
        members.Add(bus);
        process.Crashed += (_, _) => members.Remove(bus);
        return bus;
    }

    /// <summary>Told of everything that is sent.</summary>
    public Action<BusMessage>? Sent { get; set; }

    public void Send(BusMessage message, SimBus from)
    {
        Sent?.Invoke(message);
        var dice = world.Dice;
        foreach (var to in members.ToArray())
        {
            if (to != from && (from.IsCut || to.IsCut || dice.Chance(Drops)))
                continue;
            for (var copies = dice.Chance(Doubles) ? 2 : 1; copies > 0; copies--)
            {
                var most = TimeSpan.FromMilliseconds(dice.Chance(Late) ? 1500 : 4);
                world.At(dice.Between(TimeSpan.FromMicroseconds(50), most), () => to.Receive(message));
            }
        }
    }

    /// <summary>What was cut off is heard again.</summary>
    public static void Heal(SimBus bus)
    {
        if (!bus.IsCut)
            return;
        bus.IsCut = false;
        bus.Resume();
    }
}

/// <summary>The bus as one process has it.</summary>
internal sealed class SimBus(BusNetwork network, SimProcess process) : IClusterBus
{
    private readonly List<(string Topic, Action<BusMessage> Handler)> handlers = [];

    public bool IsCut { get; set; }

    public string Address { get; } = process.Name;

    public event EventHandler? Resumed;

    public void Publish(BusMessage message) => network.Send(message, this);

    public IDisposable Subscribe(string topic, Action<BusMessage> handler)
    {
        var entry = (topic, handler);
        handlers.Add(entry);
        return new Ended(() => handlers.Remove(entry));
    }

    public void Receive(BusMessage message) => process.Context.Post(
        _ =>
        {
            foreach (var (topic, handler) in handlers.ToArray())
            {
                if (topic == message.Topic)
                    handler(message);
            }
        },
        null);

    public void Resume() => process.Context.Post(_ => Resumed?.Invoke(this, EventArgs.Empty), null);

    private sealed class Ended(Action end) : IDisposable
    {
        public void Dispose() => end();
    }
}
