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
