using System.Runtime.CompilerServices;
using Integrators;

namespace JitGrains.GrainTests;

/// <summary>The example of docs/orleans.md and of the package's page: grains called from an integrator's own client, which has nothing but the contracts.</summary>
public sealed class IntegratorTests
{
    [Fact]
    public async Task The_example_of_the_documentation_works()
    {
        await using var host = await GrainHost.StartAsync("memory");
        var ask = Sample.Ask(1);
        await host.AskAsync(ask);

        var chat = new ChatApprovals(host.Cluster.Client);
        Assert.Equal("dev:user:alice asks for orders.refund on order=42", await chat.ShowAsync(ask.RequestId));
        Assert.Equal("not counted: NotEligible", await chat.ApproveAsync(ask.RequestId, Sample.Alice, [Sample.Managers]));
        Assert.Equal("counted", await chat.ApproveAsync(ask.RequestId, Sample.Bob, [Sample.Managers]));
        await host.SettleAsync();
        Assert.Equal(1, await chat.CountGrantsAsync(ask.CallerKey));
        Assert.Equal("there is no such request", await chat.ShowAsync(Sample.RequestId(99)));
    }

    [Theory]
    [InlineData("../../../docs/orleans.md")]
    [InlineData("../../../grains/PACKAGE.md")]
    public void The_example_of_the_documentation_is_this_one(string page) =>
        Assert.Contains(
            File.ReadAllText(Beside("ChatApprovals.cs")),
            File.ReadAllText(Beside(page)),
            StringComparison.Ordinal);

    private static string Beside(string file, [CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, file);
}
