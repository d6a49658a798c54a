using System.Collections.Immutable;
using JitGrains.Audit;
using JitGrains.Outbox;
using JitGrains.Shell;
using static JitGrains.Quotas.QuotaEvent;

namespace JitGrains.Quotas;

/// <summary>
/// The decisions about who may give away how much of a shared limit. What is leased at one time is never more than there is,
/// but for the least part that each gateway gets so that it can begin. Pure and thread-safe.
/// </summary>
public sealed class QuotaMachine : IStateMachine<QuotaState, QuotaEvent>
{
    /// <summary>Most gateways that share a limit.</summary>
    public const int MaxGateways = 1000;

    /// <summary>The least part of a limit, as its reciprocal: one in so many, and one part at least.</summary>
    public const int LeastShare = 16;

    /// <summary>The longest lease.</summary>
    public static readonly TimeSpan LongestLease = TimeSpan.FromMinutes(1);

    /// <summary>Leases a part: a tenth of the limit goes to all alike, the rest by demand; what others still hold is not there, and
    /// what is in use stays where it is.</summary>
    public static Decision<QuotaEvent, QuotaLease> Decide(QuotaState state, LeaseQuota command, DateTimeOffset now)
    {
        var others = state.Holdings.Where(h => now < h.Value.Until && h.Key != command.Gateway).ToImmutableArray();
        if (others.Length >= MaxGateways)
            return new Refusal.TooManyEntries("gateways that share a limit", MaxGateways);
        var demand = Math.Clamp(command.Demand, 0, int.MaxValue);
        var all = others.Sum(h => h.Value.Demand) + demand;
        var gateways = others.Length + 1;
        var total = Math.Max(1, command.Total);
        var fair = (double)total / gateways;
        var target = (int)Math.Round(all == 0 ? fair : (fair / 10) + (total * 0.9 * demand / all));
        var free = total - others.Sum(h => (long)h.Value.Parts);
        var parts = (int)Math.Max(Least(total), Math.Min(Math.Max(target, command.InUse), free));
        var time = command.For < LongestLease ? command.For : LongestLease;
        return new([new Leased(command.Gateway, new QuotaHolding(parts, demand, now.Plus(time)), now)], new QuotaLease(parts, gateways));
    }

    /// <summary>Takes a part back; one that nobody holds is no error.</summary>
    public static Decision<QuotaEvent, Done> Decide(QuotaState state, ReturnQuota command) =>
        new(state.Holdings.ContainsKey(command.Gateway) ? [new Returned(command.Gateway)] : [], Done.Instance);

    /// <summary>What is leased at a time.</summary>
    public static QuotaView View(QuotaState state, DateTimeOffset now)
    {
        var live = state.Holdings.Values.Where(h => now < h.Until).ToImmutableArray();
        return new QuotaView(live.Sum(h => h.Parts), live.Length);
    }

    /// <summary>The part that a gateway has without having been told of any.</summary>
    public static int Least(int total) => Math.Max(1, total / LeastShare);

    /// <inheritdoc/>
    public QuotaState Apply(QuotaState state, QuotaEvent happened) => happened switch
    {
        Leased e => state with { Holdings = state.Holdings.RemoveRange(state.Holdings.Where(h => e.At >= h.Value.Until).Select(h => h.Key)).SetItem(e.Gateway, e.Holding) },
        Returned e => state with { Holdings = state.Holdings.Remove(e.Gateway) },
        _ => state,
    };

    /// <summary>Nobody's access depends on it.</summary>
    public IEnumerable<AuditDraft> Audit(QuotaState before, QuotaEvent happened) => [];

    /// <inheritdoc/>
    public IEnumerable<OutboxMessage> Effects(QuotaState after, QuotaEvent happened) => [];

    /// <summary>Never: what has run out is left out wherever it is looked at.</summary>
    public DateTimeOffset? NextDue(QuotaState state) => null;

    /// <inheritdoc/>
    public ImmutableArray<QuotaEvent> Tick(QuotaState state, DateTimeOffset now) => [];
}
