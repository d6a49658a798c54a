namespace JitGrains.ClusterTests.Limits;

/// <summary>What is too much is found, and nothing else.</summary>
public sealed class AdmissionsTests
{
    private static readonly DateTimeOffset Start = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly Terms Bucket = new(10, TimeSpan.FromSeconds(1), 20);
    private static readonly Terms Window = new(30, TimeSpan.FromSeconds(10), null);

    [Fact]
    public void As_much_as_there_is_is_not_too_much()
    {
        Assert.InRange(Beyond(Bucket, [.. Burst(0, 20), .. Enumerable.Range(1, 100).Select(i => At(i * 0.1))]), -1, 0.001);
        Assert.Equal(0, Beyond(Window, [.. Burst(0, 30), .. Burst(10.1, 30)]));
    }

    [Fact]
    public void One_more_is_found_wherever_it_is()
    {
        Assert.Equal(1, Beyond(Bucket, [.. Burst(7, 21)]));
        Assert.Equal(1, Beyond(Window, [.. Burst(0, 1), .. Burst(5, 30)]));
        Assert.InRange(Beyond(Bucket, [.. Enumerable.Range(0, 200).Select(i => At(i * 0.08))]), 20, 30);
    }

    [Fact]
    public void What_was_on_its_way_counts_when_it_may_have_been_admitted() =>
        // Sent before the burst and held up: admitted before it, for all that is known.
        Assert.InRange(Beyond(Window, [new Admission("a", Start, Start.AddSeconds(11)), .. Burst(10.5, 30)]), -1, 0);

    [Fact]
    public void What_is_stated_is_allowed_where_it_is_and_nowhere_else()
    {
        Allowance allowed = new(Start, Start.AddSeconds(2), 0.1, Once: 2);
        Assert.Equal(0, Beyond(Window, [.. Burst(1, 35)], allowed));
        Assert.Equal(1, Beyond(Window, [.. Burst(1, 36)], allowed));
        Assert.Equal(5, Beyond(Window, [.. Burst(3, 35)], allowed));
    }

    [Fact]
    public void Stays_are_counted_while_they_last() => Assert.Equal(
        2, Admissions.AtOnce([(Start, Start.AddSeconds(2)), (Start.AddSeconds(1), Start.AddSeconds(3)), (Start.AddSeconds(2), Start.AddSeconds(4))]).Max(x => x.Count));

    private static double Beyond(Terms terms, IEnumerable<Admission> calls, params Allowance[] allowances) => Admissions.Worst(terms, calls, allowances).Beyond;

    private static IEnumerable<Admission> Burst(double at, int count) => Enumerable.Repeat(At(at), count);

    private static Admission At(double seconds) => new("a", Start.AddSeconds(seconds), Start.AddSeconds(seconds));
}
