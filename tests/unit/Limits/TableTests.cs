using JitGrains.Limits;

namespace JitGrains.UnitTests.Limits;

/// <summary>Tables of counts: races, capacity, and what they cost.</summary>
public class TableTests
{
    private const long Second = TimeSpan.TicksPerSecond * MeterTerms.FineTicks;

    private static readonly LimitTerms Hundred = new(LimitAlgorithm.Window, 100, TimeSpan.FromHours(1), 100);

    [Theory]
    [InlineData(LimitAlgorithm.Bucket)]
    [InlineData(LimitAlgorithm.Window)]
    [InlineData(LimitAlgorithm.Concurrent)]
    public void Many_threads_never_take_more_than_there_is(LimitAlgorithm algorithm)
    {
        for (var round = 0; round < 50; round++)
        {
            var table = LimitTable.For(new LimitTerms(algorithm, 100, TimeSpan.FromDays(1), 100), 1024);
            var admitted = 0;
            Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, _ =>
            {
                for (var i = 0; i < 100; i++)
                {
                    if (table.TryTake(7, 0, out var taken, out var remaining))
                    {
                        Assert.InRange(remaining, 0, 99);
                        Interlocked.Increment(ref admitted);
                    }
                }
            });
            Assert.Equal(100, admitted);
            Assert.Equal(100, table.Admitted);
        }
    }

    [Fact]
    public void Threads_that_take_and_give_back_leave_nothing_behind()
    {
        var table = LimitTable.For(new LimitTerms(LimitAlgorithm.Concurrent, 3, TimeSpan.Zero, 3), 64);
        var (running, most) = (0, 0);
        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, n =>
        {
            for (var i = 0; i < 2000; i++)
            {
                if (!table.TryTake(7, 0, out var taken, out _))
                    continue;
                var now = Interlocked.Increment(ref running);
                InterlockedMax(ref most, now);
                Interlocked.Decrement(ref running);
                table.GiveBack(taken);
            }
        });
        Assert.InRange(most, 1, 3);
        Assert.Equal(3, table.Look(7, 0).Remaining);
    }

    [Fact]
    public void A_flood_of_fresh_keys_resets_nobodys_count_and_gains_nothing()
    {
        var table = LimitTable.For(Hundred, 1024);
        var victim = KeyHash.With(0, "alice");
        for (var i = 0; i < 100; i++)
            Assert.True(table.TryTake(victim, 0, out _, out _));

        var admitted = 0;
        for (var i = 0; i < 200_000; i++)
        {
            if (table.TryTake(KeyHash.With(0, $"fresh-{i}"), 0, out _, out _))
                admitted++;
        }

        Assert.False(table.TryTake(victim, 0, out _, out _));
        // A place each for those that found one, and for each set one budget for all others.
        Assert.InRange(admitted, 1024, 1023 + (128 * 100));
        Assert.True(table.TryTake(victim, 2 * 3600 * Second, out _, out _));
    }

    [Fact]
    public void Keys_that_share_a_budget_give_back_to_where_they_took_it_from()
    {
        var table = LimitTable.For(new LimitTerms(LimitAlgorithm.Concurrent, 2, TimeSpan.Zero, 2), 8);
        var own = new List<Taken>();
        for (ulong key = 1; key <= 15; key += 2)
        {
            Assert.True(table.TryTake(key, 0, out var taken, out _));
            own.Add(taken);
        }

        Assert.True(table.TryTake(101, 0, out var first, out _));
        Assert.True(table.TryTake(103, 0, out var second, out _));
        Assert.False(table.TryTake(105, 0, out _, out _));
        table.GiveBack(own[0]);
        // There is a place now, and the takes of before are still counted where they were.
        Assert.True(table.TryTake(101, 0, out var third, out _));
        table.GiveBack(first);
        table.GiveBack(second);
        Assert.Equal(1, table.Look(101, 0).Remaining);
        table.GiveBack(third);
        Assert.Equal(2, table.Look(101, 0).Remaining);
    }

    [Theory]
    [InlineData(LimitAlgorithm.Bucket)]
    [InlineData(LimitAlgorithm.Window)]
    [InlineData(LimitAlgorithm.Concurrent)]
    public void Checking_allocates_nothing(LimitAlgorithm algorithm)
    {
        var table = LimitTable.For(new LimitTerms(algorithm, 1000, TimeSpan.FromSeconds(1), 1000), 1024);
        var now = 0L;
        Assert.Equal(0, Allocations.Least(Round));

        void Round()
        {
            now += Second;
            for (ulong i = 0; i < 500; i++)
            {
                if (table.TryTake(KeyHash.With(i, "dev:user:alice"), now, out var taken, out _))
                    table.GiveBack(taken);
                table.Look(i, now);
            }
        }
    }

    private static void InterlockedMax(ref int most, int value)
    {
        int seen;
        while ((seen = Volatile.Read(ref most)) < value && Interlocked.CompareExchange(ref most, value, seen) != seen)
        {
        }
    }
}
