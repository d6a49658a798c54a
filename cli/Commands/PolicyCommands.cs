using System.CommandLine;
using JitGrains.Cli.Api;
using JitGrains.Policy;

namespace JitGrains.Cli.Commands;

/// <summary><c>jit policy</c>: what is in force and what was, changes of it, and checks of files before they are.</summary>
internal static class PolicyCommands
{
    public static Command Build(Wiring wiring) => new("policy", "Show, check, test and change policies.")
    {
        BuildShow(wiring),
        PolicyCheckCommand.Build(wiring),
        PolicyTestCommand.Build(wiring),
        PolicyChangeCommands.BuildApply(wiring),
        PolicyHistoryCommands.BuildHistory(wiring),
        PolicyHistoryCommands.BuildDiff(wiring),
        PolicyChangeCommands.BuildRollback(wiring),
        BuildSchema(wiring),
    };

    private static Command BuildShow(Wiring wiring) =>
        wiring.Run(new Command("show", "Show the policy in force: version, files, problems of a reload."), async (_, run, ct) =>
        {
            var answer = await run.Control.GetAsync("/api/v1/policy", ct);
            if (answer is not ApiAnswer.Ok ok)
                return run.Output.Failed(answer);
            if (run.Output.IsJson)
                run.Output.Json(ok.Body);
            else
                run.Output.Outline(ok.Body);
            return ExitCodes.Ok;
        });

    private static Command BuildSchema(Wiring wiring) =>
        wiring.Run(new Command("schema", "Print the JSON Schema of policy files, for editors."), (_, run, _) =>
        {
            run.Output.Document(PolicySchema.Generate());
            return Task.FromResult(ExitCodes.Ok);
        });
}
