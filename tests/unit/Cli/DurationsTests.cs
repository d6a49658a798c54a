using JitGrains.Cli;

namespace JitGrains.UnitTests.Cli;

public sealed class DurationsTests
{
    [Theory]
    [InlineData("90s", 90)]
    [InlineData("10m", 600)]
    [InlineData("1h30m", 5400)]
    [InlineData("2d", 172_800)]
    [InlineData("1d2h3m4s", 93_784)]
    [InlineData("366d", 31_622_400)]
    public void Reads(string text, int seconds)
    {
        Assert.True(Durations.TryParse(text, out var duration, out _));
        Assert.Equal(seconds, duration.TotalSeconds);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("10")]
    [InlineData("m")]
    [InlineData("0s")]
    [InlineData("-1m")]
    [InlineData("1m1h")]
    [InlineData("1m1m")]
    [InlineData("1.5h")]
    [InlineData("1 h")]
    [InlineData("10M")]
    [InlineData("367d")]
    [InlineData("999999999d")]
    [InlineData("9999999999s")]
    [InlineData("١m")]
    public void Refuses(string? text) => Assert.False(Durations.TryParse(text, out _, out _));

    [Theory]
    [InlineData(0, "0s")]
    [InlineData(-5, "0s")]
    [InlineData(59, "59s")]
    [InlineData(600, "10m")]
    [InlineData(615, "10m15s")]
    [InlineData(3600, "1h")]
    [InlineData(5405, "1h30m")]
    [InlineData(90_000, "1d1h")]
    public void Formats(int seconds, string expected) => Assert.Equal(expected, Durations.Format(TimeSpan.FromSeconds(seconds)));
}
