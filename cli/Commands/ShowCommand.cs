using System.CommandLine;
using System.Text.Json;
using JitGrains.Cli.Api;
using JitGrains.Wire;

namespace JitGrains.Cli.Commands;

/// <summary><c>jit show ID</c> and <c>jit request show ID</c>: everything an approver needs.</summary>
internal static class ShowCommand
{
    public static Command Build(Wiring wiring, string name)
    {
        var id = Syntax.Id("ID", "The approval request.", "rq_");
        return wiring.Run(new Command(name, "Show an approval request: who, what, why, and the call itself.") { id }, async (parsed, run, ct) =>
        {
            var found = await FetchAsync(run, parsed.GetRequiredValue(id), ct);
            if (found.Request is null)
                return run.Output.Failed(found.Failure!);
            if (run.Output.IsJson)
            {
                run.Output.Json(found.Answer);
                return ExitCodes.Ok;
            }

            RequestRendering.Show(run.Output, found.Request, run.Now);
            RequestRendering.ShowHistory(run.Output, found.Answer);
            return ExitCodes.Ok;
        });
    }

    /// <summary>The request from the control plane, with the whole answer around it.</summary>
    public static async Task<Found> FetchAsync(Invocation run, string id, CancellationToken ct)
    {
        var answer = await run.Control.GetAsync($"/api/v1/requests/{id}", ct);
        if (answer is not ApiAnswer.Ok ok)
            return new Found(null, default, answer);
        var inner = ok.Body.ValueKind == JsonValueKind.Object && ok.Body.TryGetProperty("request", out var nested) ? nested : default;
        var request = WireReader.Read<ApprovalRequestView>(inner, out var failure);
        return new Found(request, ok.Body, request is null ? failure : null);
    }

    internal sealed record Found(ApprovalRequestView? Request, JsonElement Answer, ApiAnswer? Failure);
}
