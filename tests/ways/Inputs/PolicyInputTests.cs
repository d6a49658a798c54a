using JitGrains.GatewayTests.Support;
using JitGrains.Policy;

namespace JitGrains.WaysTests.Inputs;

/// <summary>Policies that somebody or something has spoilt: taken, or refused with what is wrong and where; never a crash or a flood.</summary>
public class PolicyInputTests
{
    private const int Rounds = 6000;
    private const long MostBytes = 256L * 1024 * 1024;

    [Fact]
    public void A_spoilt_policy_is_taken_or_refused_with_a_place()
    {
        var good = Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Policies"), "*.yaml").Order(StringComparer.Ordinal).Select(File.ReadAllText)
            .Append(WaysPolicy.Text).Append(Policies.Orders).ToList();
        Assert.True(good.Count >= 5, $"{good.Count} policies");
        var mutator = new InputMutator(1);
        var (taken, refused) = (0, 0);
        for (var i = 0; i < Rounds; i++)
        {
            var text = mutator.Lines(mutator.One(good));
            var before = GC.GetAllocatedBytesForCurrentThread();
            PolicyLoadResult result;
            try
            {
                result = PolicyLoader.Load([new PolicyFile("policy.yaml", text)]);
            }
            catch (Exception e)
            {
                Assert.Fail($"{e}\n{Shown.Of(text)}");
                return;
            }

            Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < MostBytes, $"took {GC.GetAllocatedBytesForCurrentThread() - before} bytes\n{Shown.Of(text)}");
            if (result.Policy is not null)
            {
                taken++;
                continue;
            }

            refused++;
            Assert.NotEmpty(result.Problems);
            Assert.All(result.Problems, p => Assert.True(p is { Line: >= 1, Column: >= 1, Message.Length: > 0 }, $"{p}\n{Shown.Of(text)}"));
        }

        // Neither of the two may be all there is to see.
        Assert.True(taken > 100 && refused > 1000, $"{taken} taken, {refused} refused");
    }
}
