using System.Diagnostics.Metrics;
using JitGrains.Identity;
using JitGrains.Quotas;
using JitGrains.Runtime;
using JitGrains.Shell;
using JitGrains.Silo;
using JitGrains.Silo.Limits;
using JitGrains.Silo.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace JitGrains.UnitTests.Limits;

internal sealed partial class SharedLimitCrowd
{
    private sealed class Gateway
    {
        public Gateway(SharedLimitCrowd crowd)
        {
            Store = new Store(crowd, this);
            Limiting = new Limiting(crowd, new SiloOptions(), new LimitMetrics(crowd.services.GetRequiredService<IMeterFactory>()), crowd.time);
            Keeper = new QuotaKeeper(Limiting, crowd, Store, new RandomIdGenerator(), new SiloOptions(), crowd.time, NullLogger<QuotaKeeper>.Instance);
        }

        public Limiting Limiting { get; }

        public QuotaKeeper Keeper { get; }

        public Store Store { get; }

        public Task? Renewing { get; set; }

        public double RenewsAt { get; set; }

        public double SuspendedUntil { get; set; }

        public double CutOffUntil { get; set; }

        public int Busy { get; set; }

        public int AdmittedSinceRenewal { get; set; }
    }

    /// <summary>The store as one gateway has it.</summary>
    private sealed class Store(SharedLimitCrowd crowd, Gateway gateway) : IGrainFactory, IQuotaGrain
    {
        public LeaseTrouble Trouble { get; set; }

        public T GetGrain<T>(string primaryKey)
            where T : IGrainWithStringKey => (T)(object)this;

        public Task<Reply<QuotaLease>> Lease(LeaseQuota command)
        {
            switch (Trouble)
            {
                case LeaseTrouble.NotSent:
                    return Task.FromException<Reply<QuotaLease>>(new IOException("no store"));
                case LeaseTrouble.AnswerLost:
                    Decide(command);
                    return Task.FromException<Reply<QuotaLease>>(new IOException("no answer"));
                case LeaseTrouble.Late:
                    // After the keeper's patience, and after its next renewal would have come.
                    var late = new TaskCompletionSource<Reply<QuotaLease>>();
                    crowd.plan.Add((crowd.Now + 3.5, () => late.SetResult(Decide(command))));
                    return late.Task;
                default:
                    gateway.AdmittedSinceRenewal = 0;
                    return Task.FromResult(Decide(command));
            }
        }

        public Task<Reply<Done>> Return(ReturnQuota command) => Task.FromResult(Settle(QuotaMachine.Decide(crowd.state, command, crowd.time.GetUtcNow())));

        public Task<QuotaView> Get() => throw new NotSupportedException();

        private Reply<QuotaLease> Decide(LeaseQuota command) => Settle(QuotaMachine.Decide(crowd.state, command, crowd.time.GetUtcNow()));

        private Reply<T> Settle<T>(Decision<QuotaEvent, T> decision)
            where T : class
        {
            crowd.state = decision.Events.Aggregate(crowd.state, crowd.machine.Apply);
            return decision.Reply;
        }
    }
}
