using System.Diagnostics.Metrics;
using System.Net;
using JitGrains.Identity;
using JitGrains.Limits;
using JitGrains.Policy;
using JitGrains.Quotas;
using JitGrains.Runtime;
using JitGrains.Silo;
using JitGrains.Silo.Limits;
using JitGrains.Silo.Policies;
using JitGrains.Silo.Telemetry;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace JitGrains.UnitTests.Limits;

/// <summary>Gateways' real limits and keepers over the real machine, and what they admitted. For one thread.</summary>
internal sealed partial class SharedLimitCrowd : IPolicyProvider, IAsyncDisposable
{
    private const int Gateways = 3;
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Renewal = TimeSpan.FromSeconds(1);

    private readonly ManualTime time = new();
    private readonly ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly QuotaMachine machine = new();
    private readonly Random random;
    private readonly List<Gateway> gateways = [];
    private readonly List<double> admitted = [];
    private readonly List<(double From, double To, double More, double Rate)> allowed = [];
    private readonly List<(double At, Action Do)> plan = [];
    private readonly LimitTerms terms;
    private QuotaState state = new();

    public SharedLimitCrowd(string limit, int seed)
    {
        (random, Current) = (new Random(seed), QuotaKeeperTests.PolicyWith(limit));
        terms = Assert.Single(Current.Limits).Definition.Terms;
        for (var i = 0; i < Gateways; i++)
            Begin();
    }

    public event EventHandler<PolicyChangedEventArgs>? Changed { add { } remove { } }

    public CompiledPolicy Current { get; }

    public PolicyStatus Status => throw new NotSupportedException();

    public int Admitted => admitted.Count;

    private double Now => (time.GetUtcNow() - new ManualTime().GetUtcNow()).TotalSeconds;

    private double Rate => terms.Units / terms.Period.TotalSeconds;

    /// <summary>What the limit alone admits within a stretch of time.</summary>
    public double Most(TimeSpan stretch) => terms.Algorithm == LimitAlgorithm.Bucket
        ? terms.Burst + (Rate * stretch.TotalSeconds)
        : terms.Units * Math.Ceiling(stretch / terms.Period);

    /// <summary>One thing is done to some gateway every 15 s.</summary>
    public async Task Run(TimeSpan length)
    {
        var next = 5.0;
        while (Now < length.TotalSeconds)
        {
            if (Now >= next)
            {
                next += 15;
                await Trouble(gateways[random.Next(gateways.Count)]);
            }

            foreach (var (_, act) in plan.Where(p => p.At <= Now).ToArray())
                act();
            plan.RemoveAll(p => p.At <= Now);
            foreach (var gateway in gateways.Where(g => g.SuspendedUntil <= Now).ToArray())
                await Go(gateway);
            time.Advance(Step);
        }
    }

    /// <summary>The first stretch in which more was admitted than is stated, or nothing.</summary>
    public string Excess()
    {
        for (var first = 0; first < admitted.Count; first++)
        {
            for (var last = first; last < admitted.Count; last++)
            {
                var (from, to) = (admitted[first], admitted[last]);
                var may = Most(TimeSpan.FromSeconds(to - from + 0.0001)) + allowed
                    .Where(a => a.From <= to && from <= a.To)
                    .Sum(a => a.More + (a.Rate * (Math.Min(a.To, to) - Math.Max(a.From, from))));
                if (last - first + 1 > may)
                    return $"{last - first + 1} from {from:F2} s to {to:F2} s, and {may:F1} may be";
            }
        }

        return "";
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var gateway in gateways)
            gateway.Keeper.Dispose();
        await services.DisposeAsync();
    }

    private async Task Go(Gateway gateway)
    {
        // Calls come first: a process that goes on after a while finds them waiting.
        var call = new LimitedCall(IPAddress.Loopback);
        for (var i = random.Next(gateway.Busy); i > 0; i--)
        {
            if (new LimitTakes().TryTake(gateway.Limiting.For(Current).Of(LimitSubject.Calls), call, gateway.Limiting.Now, out _))
            {
                admitted.Add(Now);
                gateway.AdmittedSinceRenewal++;
            }
        }

        if (Now < gateway.RenewsAt || gateway.Renewing is { IsCompleted: false })
            return;
        gateway.RenewsAt = Now + Renewal.TotalSeconds + (random.NextDouble() / 10);
        gateway.Busy = Math.Max(1, gateway.Busy + random.Next(-2, 3));
        gateway.Store.Trouble = Now < gateway.CutOffUntil ? LeaseTrouble.NotSent : random.Next(8) switch { 0 => LeaseTrouble.AnswerLost, 1 => LeaseTrouble.NotSent, 2 => LeaseTrouble.Late, _ => LeaseTrouble.None };
        gateway.Renewing = gateway.Keeper.Renew();
        if (gateway.Store.Trouble != LeaseTrouble.Late)
            await gateway.Renewing;
    }

    private async Task Trouble(Gateway gateway)
    {
        switch (random.Next(4))
        {
            case 0:
                // What was admitted after the last renewal is known to nobody.
                gateways.Remove(gateway);
                Allow(Now - 100, Now + 100, gateway.AdmittedSinceRenewal, 0);
                plan.Add((Now + 1, Begin));
                break;
            case 1:
                gateways.Remove(gateway);
                gateway.Store.Trouble = LeaseTrouble.None;
                await gateway.Keeper.StopAsync(default);
                plan.Add((Now + 1, Begin));
                break;
            case 2:
                gateway.SuspendedUntil = Now + 13;
                Ends(gateway);
                break;
            default:
                gateway.CutOffUntil = Now + 13;
                Ends(gateway);
                break;
        }
    }

    /// <summary>A gateway without a lease gives an even share away; that and what it used since its last renewal may be others' too.</summary>
    private void Ends(Gateway gateway) => Allow(Now + 6, Now + 16, gateway.AdmittedSinceRenewal + (terms.Most / 2.0) + 1, Rate / 2);

    private void Begin()
    {
        gateways.Add(new Gateway(this) { RenewsAt = Now, Busy = random.Next(1, 8) });
        Allow(Now, Now + 5, Math.Max(1, terms.Most / 16.0), Rate / 16);
    }

    private void Allow(double from, double to, double more, double rate) => allowed.Add((from, to, more, rate));

    private enum LeaseTrouble
    {
        None,
        NotSent,
        AnswerLost,
        Late,
    }
}
