using JitGrains.Policy;

namespace JitGrains.UnitTests.Policy;

/// <summary>What newcomers copy.</summary>
public class QuickstartTests
{
    [Fact]
    public void The_examples_of_the_documentation_have_no_problem_either()
    {
        var blocks = Files.Read("docs/policy.md").Split("```yaml\n").Skip(1).Select(b => b[..b.IndexOf("```", StringComparison.Ordinal)]).ToArray();
        Assert.Empty(Given.Load(blocks[0]).Problems);
        var cases = PolicyCases.Load(new PolicyFile("cases.yaml", blocks[^1]), "dev", Given.Noon);
        Assert.Empty(cases.Problems);
        Assert.Equal(2, cases.Cases.Length);
        var policy = Given.Policy(blocks[0].Replace("      orders.read:\n", blocks.Single(b => b.Contains("orders.import.dry", StringComparison.Ordinal)) + "      orders.read:\n", StringComparison.Ordinal));
        Assert.Equal("orders.import", Assert.IsType<ActionMatch.Found>(policy.Match(Given.Request("POST /orders/import"), null)).Action.Name);
        Assert.Equal("orders.import.dry", Assert.IsType<ActionMatch.Found>(policy.Match(Given.Request("POST /orders/import?dry_run=true"), null)).Action.Name);
        Assert.IsType<ActionMatch.Confusable>(policy.Match(Given.Request("POST /orders/import?dry_run=true&dry_run=false"), null));
    }

    [Fact]
    public void The_quickstart_policy_has_no_problem_at_all()
    {
        var result = PolicyLoader.Load([new PolicyFile("policy.yaml", Files.Read("gateway/quickstart/policy.yaml"))]);
        Assert.Empty(result.Problems);
        Assert.NotNull(result.Policy);
    }
}
