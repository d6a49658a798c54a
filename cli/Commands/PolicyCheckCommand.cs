using System.Collections.Immutable;
using System.CommandLine;
using JitGrains.Cli.Policies;
using JitGrains.Policy;

namespace JitGrains.Cli.Commands;

/// <summary><c>jit policy check FILE</c>: everything that is wrong with a policy, with its place.</summary>
internal static class PolicyCheckCommand
{
    public static Command Build(Wiring wiring)
    {
        var path = new Argument<string>("FILE") { Description = "The policy: a file, or a folder of .yaml files." };
        return wiring.Run(new Command("check", "Check a policy: every problem as file:line:column. No server is asked.") { path }, (parsed, run, _) =>
            Task.FromResult(Check(run, parsed.GetRequiredValue(path))));
    }

    private static int Check(Invocation run, string path)
    {
        var files = PolicyFiles.Read(run.Host, path, out var unreadable);
        if (files is null)
            return run.Output.Failed(unreadable);
        var loaded = PolicyLoader.Load(files.Files);
        var problems = loaded.Problems.Select(files.Shown).ToImmutableArray();
        if (run.Output.IsJson)
            run.Output.Json(JsonOf(loaded.Policy, problems));
        else
            ShowText(run, path, loaded.Policy, problems);
        return loaded.HasErrors ? ExitCodes.Refused : ExitCodes.Ok;
    }

    private static void ShowText(Invocation run, string path, CompiledPolicy? policy, ImmutableArray<PolicyProblem> problems)
    {
        foreach (var problem in problems)
            run.Output.Line(problem.ToString());
        if (policy is not null)
            run.Output.Note($"{path} is valid: {policy.Version}, {policy.Apis.Length} APIs, {policy.Apis.Sum(a => a.Actions.Length)} actions.");
        else
            run.Output.Note($"{path} is not valid: {problems.Count(p => p.Severity == PolicyProblemSeverity.Error)} errors.");
    }

    private static CheckView JsonOf(CompiledPolicy? policy, ImmutableArray<PolicyProblem> problems) =>
        new(policy is not null, policy?.Version, problems.Select(p => new ProblemView(p.Severity, p.File, p.Line, p.Column, p.Path, p.Message)));

    private sealed record CheckView(bool Valid, string? Version, IEnumerable<ProblemView> Problems);

    private sealed record ProblemView(PolicyProblemSeverity Severity, string File, int Line, int Column, string Path, string Message);
}
