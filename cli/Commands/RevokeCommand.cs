using System.CommandLine;
using System.Text.Json;
using JitGrains.Cli.Api;

namespace JitGrains.Cli.Commands;

/// <summary><c>jit revoke GRANT</c> and <c>jit revoke --principal WHO</c>: when it returns, nothing starts under the grants.</summary>
internal static class RevokeCommand
{
    public static Command Build(Wiring wiring)
    {
        var id = Syntax.Id("GRANT", "The grant.", "gr_");
        id.Arity = ArgumentArity.ZeroOrOne;
        var principal = Syntax.Text("--principal", "All grants of this principal.", "PRINCIPAL");
        var reason = Syntax.Text("--reason", "Why, for the audit trail.", "TEXT");
        var command = new Command("revoke", "Take a grant away, or all of a principal's.") { id, principal, reason };
        command.Validators.Add(result =>
        {
            var named = result.GetResult(id) is { Tokens.Count: > 0 };
            if (named == result.GetResult(principal) is not null)
                result.AddError("give a grant or --principal, one of the two");
        });
        return wiring.Run(command, async (parsed, run, ct) =>
        {
            var body = new ReasonBody(parsed.GetValue(reason));
            if (parsed.GetValue(principal) is not { } typed)
            {
                var grant = parsed.GetRequiredValue(id);
                return Show(run, await run.Control.DeleteAsync($"/api/v1/grants/{grant}", body, ct), grant);
            }

            if (!run.TryParsePrincipal(typed, out var who, out var problem))
                return run.Output.Failed($"--principal: {problem}", ExitCodes.Usage);
            return Show(run, await run.Control.PostAsync($"/api/v1/principals/{Uri.EscapeDataString(who.Value)}/revoke", body, ct), who.Value);
        });
    }

    private static int Show(Invocation run, ApiAnswer answer, string what)
    {
        if (answer is not ApiAnswer.Ok ok)
            return run.Output.Failed(answer);
        if (run.Output.IsJson)
        {
            run.Output.Json(ok.Body);
            return ExitCodes.Ok;
        }

        if (ok.Body.ValueKind != JsonValueKind.Object)
            return run.Output.Failed(new ApiAnswer.Unreadable("the control plane's answer is no revocation"));
        var ids = WireReader.List(ok.Body, "grant_ids").Select(i => i.ValueKind == JsonValueKind.String ? i.GetString() : i.GetRawText()).ToList();
        run.Output.Line(ids.Count == 0
            ? $"No active grant of {what} was found: nothing was revoked."
            : $"Revoked {string.Join(", ", ids)}: nothing starts under {(ids.Count == 1 ? "it" : "them")} any more, on any gateway.");
        run.Output.Fields(
            ("gateways acknowledged", WireReader.Shown(ok.Body, "gateways_acknowledged")),
            ("gateways condemned", WireReader.Shown(ok.Body, "gateways_condemned")),
            ("milliseconds", WholeMilliseconds(ok.Body)));
        return ExitCodes.Ok;
    }

    private static string? WholeMilliseconds(JsonElement body) =>
        body.TryGetProperty("milliseconds", out var value) && value.ValueKind == JsonValueKind.Number
            ? Math.Ceiling(value.GetDouble()).ToString("F0", System.Globalization.CultureInfo.InvariantCulture)
            : null;

    private sealed record ReasonBody(string? Reason);
}
