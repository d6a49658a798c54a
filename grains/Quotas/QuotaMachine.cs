using System.Collections.Immutable;
using JitGrains.Audit;
using JitGrains.Outbox;
using JitGrains.Shell;
using static JitGrains.Quotas.QuotaEvent;

namespace JitGrains.Quotas;

/// <summary>
/// The decisions about who may give away how much of a shared limit. What gateways hold at one time, told or not, is never more
/// than there is, but for the least part that each gets so that it can begin. Pure and thread-safe.
/// </summary>
public sealed class QuotaMachine : IStateMachine<QuotaState, QuotaEvent>
{
    /// <summary>Most gateways that share a limit.</summary>
    public const int MaxGateways = 1000;

    /// <summary>The least part of a limit, as its reciprocal: one in so many, and one part at least.</summary>
    public const int LeastShare = 16;

    /// <summary>Of how many gateways that are gone it is known what they have used.</summary>
    public const int MaxGone = 256;

    /// <summary>A gateway is not told to give up less than one part in so many.</summary>
    private const int Jitter = 32;

    /// <summary>The longest lease.</summary>
    public static readonly TimeSpan LongestLease = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Leases a part: a tenth of the limit goes to all alike, the rest by demand. What others hold is not there, nor is what
    /// gateways that are gone have used of theirs. What a gateway is to give up stays with it until it says, with its next
    /// lease, that it holds no more than it was told: an answer that is lost gives nothing away twice.
    /// </summary>
    public static Decision<QuotaEvent, QuotaLease> Decide(QuotaState state, LeaseQuota command, DateTimeOffset now)
    {
        var others = state.Holdings.Where(h => h.Key != command.Gateway).Select(h => h.Value).ToImmutableArray();
        var live = others.Where(h => now < h.Until).ToImmutableArray();
        if (live.Length >= MaxGateways)
            return new Refusal.TooManyEntries("gateways that share a limit", MaxGateways);
        var total = Math.Max(1, command.Total);
        var inUse = Math.Clamp(command.InUse, 0, total);
        var demand = Math.Clamp(command.Demand, 0, int.MaxValue);
        var free = total - live.Sum(h => (long)h.Parts) - others.Where(h => IsGone(h, now)).Sum(h => (long)h.InUse);
        var target = Target(total, live.Length + 1, demand, live.Sum(h => h.Demand) + demand);
        int parts, kept;
        if (command.Held is { } said)
        {
            var held = Math.Clamp(said, 0, total);
            // Demand is never quite steady, and what moves is nobody's for a second.
            parts = Within(target < held && held - target < total / Jitter ? held : target);
            kept = Math.Max(parts, Math.Max(held, inUse));
        }
        else
        {
            kept = parts = Within(Math.Max(target, inUse));
        }

        var time = command.For < LongestLease ? command.For : LongestLease;
        return new([new Leased(command.Gateway, Used(new QuotaHolding(kept, demand, now.Plus(time)), inUse, command.Returns, now), now)], new QuotaLease(parts, live.Length + 1));

        int Within(int wanted) => (int)Math.Max(Least(total), Math.Min(wanted, free));
    }

    /// <summary>Takes a part back; one that nobody holds is no error.</summary>
    public static Decision<QuotaEvent, Done> Decide(QuotaState state, ReturnQuota command, DateTimeOffset now)
    {
        if (!state.Holdings.TryGetValue(command.Gateway, out var holding) || now >= holding.Until)
            return new([], Done.Instance);
        var left = Used(new QuotaHolding(0, 0, now), Math.Clamp(command.InUse, 0, holding.Parts), command.Returns, now);
        return new([new Returned(command.Gateway, left.UsedUntil is null ? null : left)], Done.Instance);
    }

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
        Leased e => state with { Holdings = Kept(state.Holdings, e.At).SetItem(e.Gateway, e.Holding) },
        Returned e => state with { Holdings = e.Left is null ? state.Holdings.Remove(e.Gateway) : state.Holdings.SetItem(e.Gateway, e.Left) },
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

    private static int Target(int total, int gateways, long demand, long all)
    {
        var fair = (double)total / gateways;
        return (int)Math.Round(all == 0 ? fair : (fair / 10) + (total * 0.9 * demand / all));
    }

    private static QuotaHolding Used(QuotaHolding holding, int inUse, TimeSpan returns, DateTimeOffset now) =>
        inUse > 0 && returns > TimeSpan.Zero ? holding with { InUse = inUse, UsedUntil = now.Plus(returns) } : holding;

    /// <summary>Whether its lease is over and what it had used has not come back.</summary>
    private static bool IsGone(QuotaHolding holding, DateTimeOffset now) => now >= holding.Until && now < holding.UsedUntil;

    /// <summary>Without what has come back; of too many that are gone, without those that come back first.</summary>
    private static ImmutableSortedDictionary<string, QuotaHolding> Kept(ImmutableSortedDictionary<string, QuotaHolding> holdings, DateTimeOffset now)
    {
        var over = holdings.Where(h => now >= h.Value.Until).ToImmutableArray();
        var gone = over.Where(h => IsGone(h.Value, now)).OrderByDescending(h => h.Value.UsedUntil).Take(MaxGone).Select(h => h.Key).ToImmutableHashSet(StringComparer.Ordinal);
        return holdings.RemoveRange(over.Select(h => h.Key).Where(k => !gone.Contains(k)));
    }
}
