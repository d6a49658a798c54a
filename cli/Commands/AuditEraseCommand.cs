using System.CommandLine;
using System.Text.Json;
using JitGrains.Audit;
using JitGrains.Cli.Api;

namespace JitGrains.Cli.Commands;

/// <summary><c>jit audit erase WHO --reason TEXT</c>: chains stay as they are, and what a digest in them stands for is not held any more.</summary>
internal static class AuditEraseCommand
{
    public static Command Build(Wiring wiring)
    {
        var what = new Argument<string>("WHO") { Description = "A principal, or the digest of any personal value as entries show it (pd_...)." };
        var reason = Syntax.Text("--reason", "Why, for the audit trail.", "TEXT");
        reason.Required = true;
        return wiring.Run(new Command("erase", "Erase a person's name, or another personal value, from behind the audit trail's digests.") { what, reason }, async (parsed, run, ct) =>
        {
            var typed = parsed.GetRequiredValue(what);
            EraseBody body;
            if (AuditSealer.IsDigest(typed))
                body = new EraseBody(null, typed, parsed.GetValue(reason));
            else if (run.TryParsePrincipal(typed, out var who, out var problem))
                body = new EraseBody(who.Value, null, parsed.GetValue(reason));
            else
                return run.Output.Failed($"WHO: {problem}", ExitCodes.Usage);
            var answer = await run.Control.PostAsync("/api/v1/audit/erase", body, ct);
            return answer is ApiAnswer.Ok ok ? Show(run, ok.Body, typed) : run.Output.Failed(answer);
        });
    }

    private static int Show(Invocation run, JsonElement body, string what)
    {
        if (run.Output.IsJson)
        {
            run.Output.Json(body);
            return ExitCodes.Ok;
        }

        var digests = WireReader.List(body, "digests").Select(d => d.ValueKind == JsonValueKind.String ? d.GetString() : d.GetRawText()).ToList();
        if (digests.Count == 0)
            return run.Output.Failed(new ApiAnswer.Unreadable("the control plane's answer says not what was erased"));
        run.Output.Line($"Erased {what}: the audit trail holds {(digests.Count == 1 ? "a digest" : "digests")} only.");
        foreach (var digest in digests)
            run.Output.Line($"  {digest}");
        return ExitCodes.Ok;
    }

    private sealed record EraseBody(string? Principal, string? Digest, string? Reason);
}
