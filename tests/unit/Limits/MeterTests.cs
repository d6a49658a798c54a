using FsCheck;
using FsCheck.Fluent;
using JitGrains.Limits;

namespace JitGrains.UnitTests.Limits;

/// <summary>The counts behind limits: what they must admit, what they must refuse, and what holds of any calls at any times.</summary>
public class MeterTests
{
    private const long Second = TimeSpan.TicksPerSecond * MeterTerms.FineTicks;

    private static readonly LimitTerms TwoASecondBurstFive = new(LimitAlgorithm.Bucket, 2, TimeSpan.FromSeconds(1), 5);
    private static readonly LimitTerms FourIn15Seconds = new(LimitAlgorithm.Window, 4, TimeSpan.FromSeconds(15), 4);

    /// <summary>Milliseconds after the start, each with what must come of a take then: + or -.</summary>
    public static TheoryData<string, string> Tables() => new()
    {
        { "bucket", "0+ 0+ 0+ 0+ 0+ 0- 499- 500+ 500- 1000+ 1000- 3499+ 3499+ 3499+ 3499+ 3499- 3500+ 3500-" },
        { "bucket", "100000+ 100000+ 100000+ 100000+ 100000+ 100000- 900000+ 900000+ 900000+ 900000+ 900000+ 900000-" },
        // Slots of a second; what was taken in second 0 counts until second 16 begins.
        { "window", "0+ 500+ 999+ 1000+ 1000- 15000- 15999- 16000+ 16000+ 16000+ 16000- 16999- 17000+ 17000-" },
        { "window", "14000+ 14000+ 29999+ 29999+ 29999- 30000+ 30000+ 30000- 1000000+ 1000000+ 1000000+ 1000000+ 1000000-" },
        { "concurrent", "0+ 0+ 0+ 0- 3600000-" },
    };

    [Theory]
    [MemberData(nameof(Tables))]
    public void What_must_be_admitted_is_and_what_must_be_refused_is(string kind, string steps)
    {
        var table = LimitTable.For(kind switch { "bucket" => TwoASecondBurstFive, "window" => FourIn15Seconds, _ => new LimitTerms(LimitAlgorithm.Concurrent, 3, TimeSpan.Zero, 3) }, 1);
        foreach (var step in steps.Split(' '))
        {
            var now = long.Parse(step[..^1], null) * Second / 1000;
            Assert.True(table.TryTake(1, now, out _, out _) == (step[^1] == '+'), step);
        }
    }

    [Fact]
    public void A_wait_is_neither_too_short_nor_too_long() => Check.QuickThrowOnFailure(Prop.ForAll(Runs(), run =>
    {
        var meter = default(BucketMeter);
        var window = default(WindowMeter);
        var terms = new MeterTerms(run.Terms, run.Terms.Parts);
        var now = 0L;
        foreach (var step in run.Steps)
        {
            now += step;
            var wait = run.Terms.Algorithm == LimitAlgorithm.Bucket ? Waited(ref meter, terms, now) : Waited(ref window, terms, now);
            if (!wait)
                return false;
        }

        return true;
    }));

    [Fact]
    public void A_bucket_never_gives_more_than_burst_and_rate_allow() => Check.QuickThrowOnFailure(Prop.ForAll(Runs(LimitAlgorithm.Bucket), run =>
    {
        var taken = Take<BucketMeter>(run);
        return Stretches(taken).All(s => s.Count <= run.Terms.Burst + (((double)s.Length / MeterTerms.Fine(run.Terms.Period)) * run.Terms.Units) + 1e-9);
    }));

    [Fact]
    public void A_window_never_holds_more_than_its_most_however_it_is_laid() => Check.QuickThrowOnFailure(Prop.ForAll(Runs(LimitAlgorithm.Window), run =>
    {
        var taken = Take<WindowMeter>(run);
        return Stretches(taken).All(s => s.Count <= run.Terms.Most || s.Length >= MeterTerms.Fine(run.Terms.Period));
    }));

    [Fact]
    public void What_is_given_back_at_once_was_never_taken() => Check.QuickThrowOnFailure(Prop.ForAll(Runs(), run =>
        run.Terms.Algorithm == LimitAlgorithm.Bucket ? GivesBack<BucketMeter>(run) : GivesBack<WindowMeter>(run)));

    [Theory]
    [InlineData(LimitAlgorithm.Bucket)]
    [InlineData(LimitAlgorithm.Window)]
    [InlineData(LimitAlgorithm.Concurrent)]
    public void Parts_together_admit_no_more_than_the_whole(LimitAlgorithm algorithm)
    {
        var limit = new LimitTerms(algorithm, 90, TimeSpan.FromSeconds(15), 90);
        var tables = new[] { 0.5, 0.3, 0.2 }.Select(share =>
        {
            var table = LimitTable.For(limit, 1);
            table.Hold((int)(limit.Parts * share), 0);
            return table;
        }).ToArray();
        Assert.Equal(90, Admitted(0));
        // A bucket fills again, a window frees what has left it, places stay taken.
        Assert.Equal(algorithm switch { LimitAlgorithm.Bucket => 90, _ => 0 }, Admitted((15 * Second) + 1000));
        Assert.Equal(algorithm == LimitAlgorithm.Concurrent ? 0 : 90, Admitted((30 * Second) + 2000));

        int Admitted(long now) => tables.Sum(t => Enumerable.Range(0, 100).Count(i => t.TryTake(7, now, out _, out _)));
    }

    [Fact]
    public void Keys_are_hashed_as_SipHash_1_3_says()
    {
        Assert.Equal(0xabac0158050fc4dc, KeyHash.Sip(0x0706050403020100, 0x0f0e0d0c0b0a0908, []));
        Assert.Equal(0xc9f49bf37d57ca93, KeyHash.Sip(0x0706050403020100, 0x0f0e0d0c0b0a0908, [0]));
        Assert.NotEqual(KeyHash.With(KeyHash.With(0, "a"), "bc"), KeyHash.With(KeyHash.With(0, "ab"), "c"));
    }

    internal sealed record Run(LimitTerms Terms, long[] Steps);

    private static Arbitrary<Run> Runs(LimitAlgorithm? only = null) => Arb.From(
        from algorithm in only is { } one ? Gen.Constant(one) : Gen.Elements(LimitAlgorithm.Bucket, LimitAlgorithm.Window)
        from units in Gen.Choose(1, 20)
        from burst in Gen.Choose(1, 30)
        from period in Gen.Elements(0.1, 1, 7, 60)
        from steps in Gen.Frequency((4, Gen.Constant(0L)), (4, Gen.Choose(0, 1000).Select(ms => ms * Second / 1000)), (1, Gen.Choose(0, 100).Select(s => s * Second))).ArrayOf()
        select new Run(new LimitTerms(algorithm, units, TimeSpan.FromSeconds(period), algorithm == LimitAlgorithm.Bucket ? burst : units), steps));

    private static List<long> Take<TMeter>(Run run)
        where TMeter : struct, IMeter<TMeter>
    {
        var meter = default(TMeter);
        var terms = new MeterTerms(run.Terms, run.Terms.Parts);
        var taken = new List<long>();
        var now = 0L;
        foreach (var step in run.Steps)
        {
            now += step;
            if (TMeter.TryTake(ref meter, terms, now, 1))
                taken.Add(now);
        }

        return taken;
    }

    private static bool GivesBack<TMeter>(Run run)
        where TMeter : struct, IMeter<TMeter>
    {
        var (meter, twin) = (default(TMeter), default(TMeter));
        var terms = new MeterTerms(run.Terms, run.Terms.Parts);
        var now = 0L;
        foreach (var step in run.Steps)
        {
            now += step;
            if (TMeter.TryTake(ref twin, terms, now, 1))
                TMeter.GiveBack(ref twin, terms, now, 1);
            if (TMeter.TryTake(ref meter, terms, now, 1) != TMeter.TryTake(ref twin, terms, now, 1) || TMeter.Remaining(ref meter, terms, now) != TMeter.Remaining(ref twin, terms, now))
                return false;
        }

        return true;
    }

    private static bool Waited<TMeter>(ref TMeter meter, in MeterTerms terms, long now)
        where TMeter : struct, IMeter<TMeter>
    {
        var wait = TMeter.Wait(ref meter, terms, now, 1);
        var (early, late) = (meter, meter);
        var soon = wait == 0 || !TMeter.TryTake(ref early, terms, now + wait - 1, 1);
        return soon && TMeter.TryTake(ref late, terms, now + wait, 1) && (wait == 0) == TMeter.TryTake(ref meter, terms, now, 1);
    }

    /// <summary>Every stretch from one take to another: how many there were in it, and how long it is.</summary>
    private static IEnumerable<(int Count, long Length)> Stretches(List<long> taken) =>
        from first in Enumerable.Range(0, taken.Count)
        from last in Enumerable.Range(first, taken.Count - first)
        select (last - first + 1, taken[last] - taken[first]);
}
