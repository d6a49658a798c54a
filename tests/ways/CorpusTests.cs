namespace JitGrains.WaysTests;

/// <summary>
/// Every request of the corpus, byte for byte, through a gateway in front of four servers with different ideas of URLs: what arrives
/// is the action that policy decided on, or the request was refused.
/// </summary>
public sealed class CorpusTests(Lanes lanes) : IClassFixture<Lanes>
{
    [Theory]
    [InlineData("targets")]
    [InlineData("queries")]
    [InlineData("headers")]
    [InlineData("bodies")]
    [InlineData("messages")]
    [InlineData("http2")]
    [InlineData("found")]
    public async Task What_arrives_is_what_was_decided(string file)
    {
        var cases = WaysCase.Read(file);
        var wrong = await Task.WhenAll(lanes.All.Select(lane => lane.Judge(cases)));
        Assert.True(wrong.All(w => w.Count == 0), $"{wrong.Sum(w => w.Count)} of {cases.Count * lanes.All.Count}:\n{string.Join('\n', wrong.SelectMany(w => w).Take(40))}");
        if (file != WaysCase.Found)
            Assert.All(lanes.All, lane => Assert.True(lane.Received > 0, $"{lane.Name} received nothing at all."));
    }

    /// <summary>A caller that ends a request half-way, sooner or later: what an upstream saw of it is in the journal all the same.</summary>
    [Fact]
    public async Task What_is_broken_off_at_any_moment_is_on_record()
    {
        var broken = new WaysCase("messages", @"POST /open/x HTTP/1.1\r\nHost: api.test\r\n{own}Content-Length: 1000\r\n\r\nabc");
        var random = new Random(4);
        var wrong = await Task.WhenAll(lanes.All.Select(lane => lane.Judge(Enumerable.Repeat(broken, 200), () => TimeSpan.FromMilliseconds(random.Next(12)))));
        Assert.True(wrong.All(w => w.Count == 0), $"{wrong.Sum(w => w.Count)} of 800:\n{string.Join('\n', wrong.SelectMany(w => w).Take(10))}");
    }

    [Fact]
    public void There_are_as_many_as_promised_and_none_twice()
    {
        var all = WaysCase.ReadAll();
        Assert.True(all.Count >= 400, $"{all.Count} requests");
        Assert.Empty(all.GroupBy(c => (c.File, c.Line)).Where(g => g.Count() > 1).Select(g => g.Key));
    }
}

/// <summary>The gateways and their servers.</summary>
public sealed class Lanes : IAsyncLifetime
{
    internal IReadOnlyList<Lane> All { get; private set; } = [];

    public async Task InitializeAsync() => All = await Lane.StartAll();

    public async Task DisposeAsync()
    {
        foreach (var lane in All)
            await lane.DisposeAsync();
    }
}
