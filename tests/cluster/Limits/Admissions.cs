using System.Runtime.InteropServices;

namespace JitGrains.ClusterTests.Limits;

/// <summary>A call that came through: its gateway admitted it between its client's sending it and its arrival at the upstream.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Admission(string Gateway, DateTimeOffset SentAt, DateTimeOffset ArrivedAt);

/// <summary>The numbers of a limit, as its policy has them.</summary>
/// <param name="Units">How many a period.</param>
/// <param name="Period">The period.</param>
/// <param name="Burst">Of a bucket, how many at once; null of a window.</param>
internal sealed record Terms(double Units, TimeSpan Period, double? Burst)
{
    /// <summary>The most at once.</summary>
    public double Most => Burst ?? Units;

    /// <summary>How many a second on the long run.</summary>
    public double Rate => Units / Period.TotalSeconds;

    /// <summary>What the limit by itself admits within any stretch of that length.</summary>
    public double Within(TimeSpan stretch) => Burst is { } burst ? burst + (Rate * stretch.TotalSeconds) : Units * Math.Max(1, Math.Ceiling(stretch / Period));
}

/// <summary>What may be admitted beside that, as docs/policy.md (Shared limits) has it.</summary>
/// <param name="From">From when.</param>
/// <param name="To">Until when.</param>
/// <param name="Share">This share of the limit, and one unit.</param>
/// <param name="Once">And so many, once.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Allowance(DateTimeOffset From, DateTimeOffset To, double Share, int Once = 0);

/// <summary>What came through, held against what may come through, in every stretch of time. Pure.</summary>
internal static class Admissions
{
    /// <summary>
    /// The stretch that comes nearest to what is stated, or goes furthest beyond it. What was sent after its begin and had
    /// arrived at its end was admitted in between, whatever the way took.
    /// </summary>
    public static (double Beyond, double OfTheLimit, string What) Worst(Terms terms, IEnumerable<Admission> all, IReadOnlyList<Allowance> allowances)
    {
        var calls = all.OrderBy(c => c.ArrivedAt).ToArray();
        var worst = (Beyond: double.NegativeInfinity, OfTheLimit: 0.0, What: "none");
        foreach (var from in calls.Select(c => c.SentAt))
        {
            var count = 0;
            foreach (var call in calls)
            {
                if (call.SentAt < from)
                    continue;
                count++;
                var (to, alone) = (call.ArrivedAt, terms.Within(call.ArrivedAt - from));
                var ofTheLimit = Math.Max(worst.OfTheLimit, count / alone);
                worst.OfTheLimit = ofTheLimit;
                if (count - alone <= worst.Beyond)
                    continue;
                var may = alone + allowances.Where(a => a.From <= to && from <= a.To).Sum(a => Beside(terms, a, from, to));
                if (count - may > worst.Beyond)
                    worst = (count - may, ofTheLimit, $"{count} within {(to - from).TotalSeconds:F2} s from {from:HH:mm:ss.fff}, of {alone:F0} by the limit alone and {may:F0} as stated");
            }
        }

        return worst;
    }

    /// <summary>The most of these at one time.</summary>
    public static IEnumerable<(DateTimeOffset At, int Count)> AtOnce(IEnumerable<(DateTimeOffset From, DateTimeOffset To)> stays)
    {
        var count = 0;
        foreach (var (at, change) in stays.Where(s => s.From < s.To).SelectMany(s => new[] { (At: s.From, Change: 1), (At: s.To, Change: -1) }).OrderBy(x => x.At).ThenBy(x => x.Change))
            yield return (at, count += change);
    }

    private static double Beside(Terms terms, Allowance allowance, DateTimeOffset from, DateTimeOffset to)
    {
        var both = (allowance.To < to ? allowance.To : to) - (allowance.From > from ? allowance.From : from);
        return Math.Max(1, allowance.Share * terms.Most) + (allowance.Share * terms.Rate * both.TotalSeconds) + allowance.Once;
    }
}
