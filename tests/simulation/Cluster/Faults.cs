using JitGrains.Simulation.Edges;
using JitGrains.Simulation.Machine;

namespace JitGrains.Simulation.Cluster;

/// <summary>What happens to the cluster.</summary>
internal sealed class Faults(World world, SimCluster cluster)
{
    private static readonly double[] Shares = [0.02, 0.08, 0.2, 0.5];

    public void Happen(Op op)
    {
        world.History.Add("fault", $"{op.Kind} {op.A} {op.B} {op.For.TotalSeconds:F3}");
        if (op.Kind is not (OpKind.Crash or OpKind.Backup or OpKind.BusTrouble or OpKind.UpstreamTrouble or OpKind.TokenTrouble))
            cluster.Trouble(op.For);
        switch (op.Kind)
        {
            case OpKind.Crash:
                cluster.Crash(op.A, op.For);
                break;
            case OpKind.Stop:
                cluster.Stop(op.A, op.For);
                break;
            case OpKind.Suspend or OpKind.StopMachine when cluster[op.A] is { Process: var process }:
                process.Suspend(machine: op.Kind == OpKind.StopMachine);
                world.At(op.For, process.Resume);
                break;
            case OpKind.Cut when cluster[op.A] is { } host:
                host.Link.IsCut = op.B != 1;
                host.Bus.IsCut = op.B != 2;
                world.At(op.For, () => Join(host));
                break;
            case OpKind.BusTrouble:
                (cluster.Network.Drops, cluster.Network.Doubles, cluster.Network.Late) = (op.B == 0 ? Shares[op.A] : 0, op.B == 1 ? Shares[op.A] : 0.05, op.B == 2 ? Shares[op.A] : 0.02);
                world.At(op.For, CalmBus);
                break;
            case OpKind.StoreTrouble:
                cluster.Server.Trouble = new StoreTrouble { LostBefore = op.B == 0 ? Shares[op.A] / 2 : 0, LostAfter = op.B == 1 ? Shares[op.A] / 2 : 0, Slow = op.B == 2 ? Shares[op.A] : 0 };
                world.At(op.For, () => cluster.Server.Trouble = StoreTrouble.None);
                break;
            case OpKind.StoreDown:
                cluster.Server.Stop();
                world.At(op.For, cluster.Server.Start);
                break;
            case OpKind.StoreCrash:
                cluster.Server.Crash();
                cluster.Server.Stop();
                world.At(op.For, cluster.Server.Start);
                break;
            case OpKind.Backup:
                cluster.Server.Backup();
                break;
            case OpKind.Restore:
                if (cluster.Server.Restore())
                {
                    cluster.Server.Stop();
                    world.At(op.For, cluster.Server.Start);
                }

                break;
            case OpKind.SetClock when cluster[op.A] is { Process.Time: var time }:
                time.Offset += TimeSpan.FromSeconds(op.B switch { 0 => 2, 1 => -2, 2 => 7, 3 => -7, 4 => 60, _ => -60 });
                break;
            case OpKind.UpstreamTrouble:
                (cluster.Upstream.Breaks, cluster.Upstream.Slow, cluster.Upstream.Far) = (op.B == 0 ? Shares[op.A] : 0, op.B == 1 ? Shares[op.A] : 0.02, op.B == 2 ? Shares[op.A] : 0.2);
                world.At(op.For, CalmUpstream);
                break;
            case OpKind.Hang when cluster[op.A] is { } host:
                (host.Link.Hangs, host.Bus.IsCut) = (true, true);
                world.At(op.For, () => Join(host));
                break;
            case OpKind.LateRenewal when cluster[op.A] is { } host:
                // It has not heard of anything since, and will not.
                host.Bus.IsCut = true;
                host.Link.LateRenewal = TimeSpan.FromMilliseconds(op.B);
                world.At(op.For, () => Join(host));
                break;
            case OpKind.TokenTrouble when op.B == 0:
                cluster.Issuer.Withdraw();
                break;
            case OpKind.TokenTrouble when op.B == 1:
                cluster.Issuer.IsDown = true;
                world.At(op.For, () => cluster.Issuer.IsDown = false);
                break;
            case OpKind.TokenTrouble:
                cluster.Issuer.Mischief = 0.3;
                break;
            default:
                break;
        }
    }

    /// <summary>Everything goes well from here on.</summary>
    public void Heal()
    {
        world.History.Add("fault", "no more");
        cluster.IsHealed = true;
        CalmBus();
        cluster.Server.Trouble = StoreTrouble.None;
        cluster.Server.Start();
        CalmUpstream();
        cluster.Upstream.Slow = 0;
        (cluster.Issuer.IsDown, cluster.Issuer.Mischief) = (false, 0);
        for (var place = 0; place < cluster.Count; place++)
        {
            if (cluster[place] is { } host)
            {
                host.Process.Resume();
                host.Process.Time.Offset = TimeSpan.Zero;
                Join(host);
            }
            else
            {
                cluster.Start(place);
            }
        }
    }

    private void CalmBus() => (cluster.Network.Drops, cluster.Network.Doubles, cluster.Network.Late) = (0, 0, 0);

    private void CalmUpstream() => (cluster.Upstream.Breaks, cluster.Upstream.Slow, cluster.Upstream.Far) = (0, 0.02, 0.2);

    private static void Join(Host host)
    {
        (host.Link.IsCut, host.Link.Hangs, host.Link.LateRenewal) = (false, false, null);
        BusNetwork.Heal(host.Bus);
    }
}
