using JitGrains.Policy;

namespace JitGrains.UnitTests.Policy;

public class QuickstartTests
{
    [Fact]
    public void The_quickstart_policy_has_no_problem_at_all()
    {
        var result = PolicyLoader.Load([new PolicyFile("policy.yaml", Files.Read("gateway/quickstart/policy.yaml"))]);
        Assert.Empty(result.Problems);
        Assert.NotNull(result.Policy);
    }
}
