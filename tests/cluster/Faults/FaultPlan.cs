using JitGrains.ClusterTests.Checking;
using JitGrains.ClusterTests.Histories;
using JitGrains.ClusterTests.Running;
using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Faults;

/// <summary>
/// What is done to a running cluster, one thing after the other. Each is over when it has been undone and callers are let
/// through by approval at every gateway again. One at a time.
/// </summary>
internal sealed class FaultPlan(Cluster cluster, History history, Report report, Random random)
{
    /// <summary>A gateway's lease by default, and a good second for what it is condemned by.</summary>
    private static readonly TimeSpan LongerThanALease = TimeSpan.FromSeconds(7);
    private static readonly TimeSpan AWhile = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan Latency = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(60);

    /// <summary>Everything there is, in the order that the suite does it in.</summary>
    public IReadOnlyList<(string Name, Func<Task> Do)> All =>
    [
        ("kill -9 of a gateway", () => Kill(Any(cluster.Gateways))),
        ("kill -9 of a silo", () => Kill(Any(cluster.Silos))),
        ("a gateway suspended for longer than its lease", () => Suspend(Any(cluster.Gateways), LongerThanALease)),
        ("a silo suspended inside a turn", () => SuspendInATurn(Any(cluster.Silos))),
        ("a gateway suspended inside a turn", () => SuspendInATurn(Any(cluster.Gateways))),
        ("a gateway cut off from the database", () => CutOff(Any(cluster.Gateways))),
        ("a gateway whose database does not answer", () => Hold(Any(cluster.Gateways))),
        ("a silo cut off from the database", () => CutOff(Any(cluster.Silos))),
        ("the connections that listen lost, and nothing else", LoseListening),
        ("200 ms more each way to the database", () => Slow(Any(cluster.Gateways), Any(cluster.Silos))),
        ("a gateway's clock five minutes ahead", () => Shift(Any(cluster.Gateways), TimeSpan.FromMinutes(5))),
        ("a gateway's clock five minutes behind", () => Shift(Any(cluster.Gateways), TimeSpan.FromMinutes(-5))),
        ("a silo's clock five minutes ahead", () => Shift(Any(cluster.Silos), TimeSpan.FromMinutes(5))),
        ("PostgreSQL stopped and started", () => StopPostgres(crash: false)),
        ("PostgreSQL crashed and started", () => StopPostgres(crash: true)),
    ];

    /// <summary>Does one, and waits until all is well again.</summary>
    public async Task Do((string Name, Func<Task> Do) fault)
    {
        var from = Clock.Now;
        await fault.Do();
        var undone = Clock.Now;
        await Recovered();
        history.Count("faults");
        report.Line($"  {fault.Name}: {(undone - from).TotalSeconds:0.0} s, all well again {(Clock.Now - undone).TotalSeconds:0.0} s later");
    }

    /// <summary>Every gateway lets somebody through by approval who was sent there from now on, and every silo takes votes.</summary>
    public async Task Recovered()
    {
        var from = Clock.Now;
        var waiting = cluster.Members.Select(m => m.Name).ToHashSet(StringComparer.Ordinal);
        var looked = history.Deeds.Count;
        try
        {
            await Until.Holds(
                () =>
                {
                    foreach (var deed in history.Deeds.Skip(looked))
                    {
                        looked++;
                        if (deed.SentAt > from && deed.Succeeded && deed is Call { Subject.Gate: not Gate.Allow } or Voted)
                            waiting.Remove(deed.Process);
                    }

                    return waiting.Count == 0;
                },
                patience: Recovery);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"approvals do not work again at {string.Join(", ", waiting)}", e);
        }
    }

    /// <summary>A copy of the stopped database is taken, and put in its place later; load all the while.</summary>
    public async Task<Restore> SetBack()
    {
        const string Copy = "older";
        var copied = Clock.Now;
        await cluster.Postgres.StopAsync();
        await cluster.Postgres.SaveCopyAsync(Copy);
        await cluster.Postgres.StartAgainAsync();
        await Recovered();
        await Until.Passed(AWhile);
        await cluster.Postgres.StopAsync();
        var down = Clock.Now;
        await cluster.Postgres.RestoreCopyAsync(Copy);
        var up = Clock.Now;
        await cluster.Postgres.StartAgainAsync();
        await Recovered();
        await Until.Passed(AWhile * 2);
        report.Line($"  set back by {(down - copied).TotalSeconds:0.0} s, all well again {(Clock.Now - up).TotalSeconds:0.0} s later");
        return new Restore(copied, down, up);
    }

    private async Task Kill(Member member)
    {
        var from = Clock.Now;
        await member.Process.Kill();
        await Until.Passed(TimeSpan.FromMilliseconds(random.Next(1, 1500)));
        await member.Process.Start();
        history.Add(new Fault(member.Name, FaultKind.Killed, from, Clock.Now));
    }

    private async Task Suspend(Member member, TimeSpan time)
    {
        var from = Clock.Now;
        await member.Process.Suspend();
        await Until.Passed(time);
        member.Process.Resume();
        history.Add(new Fault(member.Name, FaultKind.Suspended, from, Clock.Now));
    }

    /// <summary>Suspended again and again, until it is caught with a transaction open; then for longer than any lock is waited for.</summary>
    private async Task SuspendInATurn(Member member)
    {
        for (var attempt = 0; attempt < 200; attempt++)
        {
            var from = Clock.Now;
            await member.Process.Suspend();
            var caught = await cluster.OpenTransactions(member) > 0;
            if (caught)
                await Until.Passed(LongerThanALease);
            member.Process.Resume();
            history.Add(new Fault(member.Name, FaultKind.Suspended, from, Clock.Now));
            if (caught)
            {
                history.Count("suspended inside a turn");
                return;
            }

            await Until.Passed(TimeSpan.FromMilliseconds(random.Next(1, 50)));
        }
    }

    private async Task CutOff(Member member)
    {
        var from = Clock.Now;
        member.Data.Cut();
        member.Listen.Cut();
        await Until.Passed(LongerThanALease);
        member.Data.Mend();
        member.Listen.Mend();
        history.Add(new Fault(member.Name, FaultKind.CutOff, from, Clock.Now));
    }

    private async Task Hold(Member member)
    {
        var from = Clock.Now;
        member.Data.Pause();
        member.Listen.Pause();
        await Until.Passed(LongerThanALease);
        member.Data.Resume();
        member.Listen.Resume();
        history.Add(new Fault(member.Name, FaultKind.CutOff, from, Clock.Now));
    }

    private async Task LoseListening()
    {
        foreach (var member in cluster.Members)
            member.Listen.Cut();
        await Until.Passed(AWhile);
        foreach (var member in cluster.Members)
            member.Listen.Mend();
    }

    private static async Task Slow(params Member[] members)
    {
        foreach (var member in members)
            member.Data.Latency = member.Listen.Latency = Latency;
        await Until.Passed(AWhile * 2);
        foreach (var member in members)
            member.Data.Latency = member.Listen.Latency = TimeSpan.Zero;
    }

    /// <summary>Jumps while it runs, and jumps back. Only this process is told another time.</summary>
    private static async Task Shift(Member member, TimeSpan by)
    {
        ShiftedClock.Set(member.Process, by);
        await Until.Passed(AWhile * 2);
        ShiftedClock.Set(member.Process, TimeSpan.Zero);
    }

    private async Task StopPostgres(bool crash)
    {
        await cluster.Postgres.StopAsync(crash);
        await Until.Passed(TimeSpan.FromSeconds(2));
        await cluster.Postgres.StartAgainAsync();
    }

    private Member Any(IReadOnlyList<Member> members) => members[random.Next(members.Count)];
}
