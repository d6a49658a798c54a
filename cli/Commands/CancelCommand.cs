using System.CommandLine;
using JitGrains.Cli.Api;

namespace JitGrains.Cli.Commands;

/// <summary><c>jit cancel ID</c>: the requester takes a request back, or an operator takes it out.</summary>
internal static class CancelCommand
{
    public static Command Build(Wiring wiring)
    {
        var id = Syntax.Id("ID", "The approval request.", "rq_");
        var asOperator = new Option<bool>("--operator") { Description = "Cancel somebody else's, as an operator, at the control plane." };
        return wiring.Run(new Command("cancel", "Take an approval request back.") { id, asOperator }, async (parsed, run, ct) =>
        {
            var request = parsed.GetRequiredValue(id);
            var answer = parsed.GetValue(asOperator)
                ? await run.Control.DeleteAsync($"/api/v1/requests/{request}", null, ct)
                : await run.Gateway.DeleteAsync($"/.jit/requests/{request}", null, ct);
            if (answer is not ApiAnswer.Ok ok)
                return run.Output.Failed(answer);
            if (run.Output.IsJson)
                run.Output.Json(ok.Body);
            else
                run.Output.Line($"{request} is {WireReader.Text(ok.Body, "status") ?? "cancelled"}.");
            return ExitCodes.Ok;
        });
    }
}
