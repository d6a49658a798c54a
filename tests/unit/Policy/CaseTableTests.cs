using JitGrains.Policy;

namespace JitGrains.UnitTests.Policy;

/// <summary>The must-allow, must-approve and must-deny tables: pairs of policy and cases in Data, and the quickstart's.</summary>
public class CaseTableTests
{
    public static TheoryData<string, string> Tables()
    {
        var data = new TheoryData<string, string> { { "gateway/quickstart/policy.yaml", "gateway/quickstart/policy.cases.yaml" } };
        foreach (var cases in Directory.EnumerateFiles(Files.PathTo("tests/unit/Policy/Data"), "*.cases.yaml").Order(StringComparer.Ordinal))
        {
            var name = Path.GetFileName(cases);
            data.Add($"tests/unit/Policy/Data/{name.Replace(".cases.", ".policy.", StringComparison.Ordinal)}", $"tests/unit/Policy/Data/{name}");
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Tables))]
    public void Every_case_comes_out_as_the_table_says(string policyFile, string casesFile)
    {
        var policy = Given.Policy(Files.Read(policyFile));
        var cases = PolicyCases.Load(new PolicyFile(casesFile, Files.Read(casesFile)), policy.Realm, Given.Noon);
        Assert.Empty(cases.Problems);
        Assert.NotEmpty(cases.Cases);

        var failed = PolicyCaseRunner.Run(policy, cases.Cases).Where(r => !r.Passed)
            .Select(r => $"{r.Case.Place} {r.Case.Name}: expected {r.Case.Expect} {r.Case.Rule} {r.Case.Refusal}, was {r.Actual}");
        Assert.True(!failed.Any(), string.Join('\n', failed));
    }
}
