using JitGrains.Runtime.Engine;
using JitGrains.Silo;
using JitGrains.Simulation.Edges;
using JitGrains.Simulation.Machine;

namespace JitGrains.Simulation.Cluster;

/// <summary>Gateways and silos over one store, and who starts them again.</summary>
internal sealed class SimCluster
{
    private readonly Host?[] hosts;
    private readonly int[] runs;
    private readonly double[] rates;
    private readonly TimeSpan[] offsets;
    private readonly Dice machines;
    private readonly bool logs;

    public SimCluster(World world, int gateways, int silos, bool logs)
    {
        (World, this.logs) = (world, logs);
        Server = new StoreServer(world);
        Network = new BusNetwork(world);
        Issuer = new SimIssuer(world);
        machines = new Dice(world.Seed ^ 0xc10c);
        Gateways = [.. Enumerable.Range(0, gateways)];
        Silos = [.. Enumerable.Range(gateways, silos)];
        hosts = new Host?[gateways + silos];
        runs = new int[hosts.Length];
        // Rates that are no more than 2% apart, and wall clocks that are off by up to some seconds.
        rates = [.. hosts.Select(_ => 1 + ((machines.Between(0, 200) - 100) / 10_000.0))];
        offsets = [.. hosts.Select(_ => TimeSpan.FromMilliseconds(machines.Chance(0.5) ? 0 : machines.Between(-3000, 3000)))];
        Server.EpochBegan = (epoch, _) => world.History.Add("store", $"{epoch} begins");
    }

    public World World { get; }

    public StoreServer Server { get; }

    public BusNetwork Network { get; }

    public SimUpstream Upstream { get; } = new();

    public SimIssuer Issuer { get; }

    public IReadOnlyList<int> Gateways { get; }

    public IReadOnlyList<int> Silos { get; }

    public int Count => hosts.Length;

    /// <summary>Told of each exception that a process logs as a warning or worse, and whether it has started.</summary>
    public Action<string, bool, string, Exception>? Troubled { get; set; }

    /// <summary>Told of each process that is about to be gone.</summary>
    public Action<Host>? Gone { get; set; }

    /// <summary>Told of each process that has stopped in order, and whether it had the store all the while.</summary>
    public Action<Host, bool>? Stopped { get; set; }

    /// <summary>Told of every text that leaves a process or is kept, and where.</summary>
    public Action<string, string>? Said { get; set; }

    /// <summary>Until when something keeps processes from the store, or from going on.</summary>
    public TimeSpan TroubledUntil { get; private set; } = -TimeSpan.FromHours(1);

    /// <summary>Set once everything is to go well from here on.</summary>
    public bool IsHealed { get; set; }

    /// <summary>The process in this place, or null while it is down.</summary>
    public Host? this[int place] => hosts[place] is { Process.IsAlive: true } host ? host : null;

    /// <summary>It runs and answers.</summary>
    public Host? Up(int place) => this[place] is { IsUp: true } host ? host : null;

    public string NameOf(int place) => place < Gateways.Count ? $"gateway{place + 1}" : $"silo{place - Gateways.Count + 1}";

    /// <summary>Starts another run of the process in this place.</summary>
    public void Start(int place)
    {
        if (this[place] is not null)
            return;
        var name = $"{NameOf(place)}.{++runs[place]}";
        var process = new SimProcess(World, name, rates[place], IsHealed ? TimeSpan.Zero : offsets[place]);
        var link = new StoreLink(World, Server, process);
        var bus = Network.Join(process);
        process.Crashed += (_, _) => World.At(World.Dice.Between(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(50)), () => Server.Drop(process));
        var host = new Host(
            World, process, place < Gateways.Count ? ProcessRole.Gateway : ProcessRole.Silo, link, bus, Upstream, Issuer, Keys.Ring,
            text => Logs(name, text), (text, exception) => Troubled?.Invoke(name, hosts[place]?.IsUp == true, text, exception));
        hosts[place] = host;
        World.History.Add(name, "starts");
        process.Context.Post(_ => Run(host, place), null);
    }

    /// <summary>The process is gone in the middle of whatever it does.</summary>
    public void Crash(int place, TimeSpan back)
    {
        if (this[place] is not { } host)
            return;
        World.History.Add(host.Process.Name, "crashes");
        Gone?.Invoke(host);
        host.Process.Crash();
        host.Forget();
        World.At(back, () => Start(place));
    }

    /// <summary>It stops in order.</summary>
    public void Stop(int place, TimeSpan back)
    {
        if (Up(place) is not { } host)
            return;
        World.History.Add(host.Process.Name, "stops");
        host.Process.Context.Post(_ => Stop(host, place, back), null);
    }

    public void Forget()
    {
        foreach (var host in hosts)
            host?.Forget();
    }

    /// <summary>Something is done for so long that keeps processes from the store, or from going on.</summary>
    public void Trouble(TimeSpan length) => TroubledUntil = World.Now + length > TroubledUntil ? World.Now + length : TroubledUntil;

    private void Logs(string name, string text)
    {
        Said?.Invoke($"{name} logs", text);
        if (logs)
            World.History.Note(name, text);
    }

    private async void Stop(Host host, int place, TimeSpan back)
    {
        var (began, epoch) = (World.Now, Server.Epoch);
        await host.Stop();
        World.History.Add(host.Process.Name, "has stopped");
        Stopped?.Invoke(host, host.Link.LastTrouble < began && !host.Link.IsCut && epoch == Server.Epoch);
        host.Process.Crash();
        host.Forget();
        World.At(back, () => Start(place));
    }

    private async void Run(Host host, int place)
    {
        try
        {
            await host.Start(Failed);
            World.History.Add(host.Process.Name, "is up");
        }
        catch (Exception e)
        {
            Failed(e);
        }

        void Failed(Exception e)
        {
            World.History.Add(host.Process.Name, $"ends by itself: {e.GetType().Name}: {e.Message}");
            Crash(place, TimeSpan.FromSeconds(1));
        }
    }
}
