using System.Collections.Immutable;
using System.CommandLine;
using JitGrains.Cli.Policies;
using JitGrains.Policy;
using JitGrains.Wire;

namespace JitGrains.Cli.Commands;

/// <summary><c>jit policy test CASES --policy FILE</c>: runs a must-allow, must-approve, must-deny table.</summary>
internal static class PolicyTestCommand
{
    public static Command Build(Wiring wiring)
    {
        var cases = new Argument<string>("CASES") { Description = "The table of cases: a file, or a folder of .yaml files." };
        var policy = Syntax.Text("--policy", "The policy: a file, or a folder.", "FILE");
        policy.Required = true;
        return wiring.Run(new Command("test", "Run a table of cases against a policy. No server is asked.") { cases, policy }, (parsed, run, _) =>
            Task.FromResult(Test(run, parsed.GetRequiredValue(cases), parsed.GetRequiredValue(policy)!)));
    }

    private static int Test(Invocation run, string casesPath, string policyPath)
    {
        if (LocalPolicy.Load(run, policyPath) is not { } policy)
            return ExitCodes.Refused;
        var files = PolicyFiles.Read(run.Host, casesPath, out var unreadable);
        if (files is null)
            return run.Output.Failed(unreadable);
        var loaded = files.Files.Select(f => PolicyCases.Load(f, policy.Realm, run.Now)).ToList();
        var problems = loaded.SelectMany(l => l.Problems).Select(files.Shown).ToList();
        foreach (var problem in problems)
            run.Output.Note(problem.ToString());
        if (problems.Any(p => p.Severity == PolicyProblemSeverity.Error))
            return ExitCodes.Refused;

        var results = PolicyCaseRunner.Run(policy, loaded.SelectMany(l => l.Cases));
        if (run.Output.IsJson)
            run.Output.Json(new ResultsView(policy.Version, results.Count(r => r.Passed), results.Count(r => !r.Passed), results.Select(r => View(files, policy, r))));
        else
            ShowText(run, files, results);
        return results.All(r => r.Passed) ? ExitCodes.Ok : ExitCodes.Refused;
    }

    private static void ShowText(Invocation run, PolicyFiles files, ImmutableArray<PolicyCaseResult> results)
    {
        foreach (var result in results.Where(r => !r.Passed))
        {
            run.Output.Line($"{files.Shown(result.Case.Place)}: failed: {result.Case.Name}");
            run.Output.Fields(("expected", Expected(result.Case)), ("actual", result.Actual));
        }

        run.Output.Line($"{results.Count(r => r.Passed)} passed, {results.Count(r => !r.Passed)} failed.");
    }

    private static string Expected(PolicyCase one) =>
        (one.Automatic switch { true => "automatic ", false => "not automatic ", null => "" })
        + Phrases.Word(one.Expect)
        + (one.Rule is null ? "" : $" by {one.Rule}")
        + (one.Refusal is null ? "" : $" ({one.Refusal})");

    private static CaseView View(PolicyFiles files, CompiledPolicy policy, PolicyCaseResult result) =>
        new(result.Case.Name, files.Shown(result.Case.Place).ToString(), result.Passed, Expected(result.Case), result.Actual, ExplanationView.From(policy.Version, result.Result));

    private sealed record ResultsView(string PolicyVersion, int Passed, int Failed, IEnumerable<CaseView> Cases);

    private sealed record CaseView(string Name, string Place, bool Passed, string Expected, string Actual, ExplanationView Explanation);
}
