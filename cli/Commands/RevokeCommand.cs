using System.CommandLine;
using System.Text.Json;
using JitGrains.Cli.Api;

namespace JitGrains.Cli.Commands;

/// <summary><c>jit revoke GRANT</c>, <c>jit revoke --principal WHO</c> and the like: when it returns, nothing starts under the grants.</summary>
internal static class RevokeCommand
{
    public static Command Build(Wiring wiring)
    {
        var id = Syntax.Id("GRANT", "The grant.", "gr_");
        id.Arity = ArgumentArity.ZeroOrOne;
        var principal = Syntax.Text("--principal", "All grants of this principal.", "PRINCIPAL");
        var api = Syntax.Text("--api", "All grants of this API.", "NAME");
        var action = Syntax.Text("--action", "All grants for this action.", "NAME");
        var issuer = Syntax.Text("--issuer", "All grants of this issuer's callers.", "REALM");
        var approver = Syntax.Text("--approver", "All grants that this person's vote carried.", "PRINCIPAL");
        var reason = Syntax.Text("--reason", "Why, for the audit trail.", "TEXT");
        var terminate = new Option<bool>("--terminate") { Description = "Cut what runs even where its action drains." };
        Option<string?>[] selectors = [principal, api, action, issuer, approver];
        var command = new Command("revoke", "Take a grant away, or all that have something in common.") { id, principal, api, action, issuer, approver, reason, terminate };
        command.Validators.Add(result =>
        {
            var given = selectors.Count(s => result.GetResult(s) is not null) + (result.GetResult(id) is { Tokens.Count: > 0 } ? 1 : 0);
            if (given != 1)
                result.AddError("give a grant or one of --principal, --api, --action, --issuer and --approver");
        });
        return wiring.Run(command, async (parsed, run, ct) =>
        {
            var why = parsed.GetValue(reason);
            bool? cut = parsed.GetValue(terminate) ? true : null;
            if (parsed.GetValue(id) is { } grant)
                return Show(run, await run.Control.DeleteAsync($"/api/v1/grants/{grant}", new RevokeBody(why, cut), ct), grant);
            if ((parsed.GetValue(principal) ?? parsed.GetValue(approver)) is not { } typed)
            {
                var body = new MatchingBody(parsed.GetValue(api), parsed.GetValue(action), parsed.GetValue(issuer), null, why, cut);
                return Show(run, await run.Control.PostAsync("/api/v1/revocations", body, ct), (body.Api ?? body.Action ?? body.Issuer)!);
            }

            if (!run.TryParsePrincipal(typed, out var who, out var problem))
                return run.Output.Failed($"{(parsed.GetValue(principal) is null ? "--approver" : "--principal")}: {problem}", ExitCodes.Usage);
            var answer = parsed.GetValue(principal) is null
                ? await run.Control.PostAsync("/api/v1/revocations", new MatchingBody(null, null, null, who.Value, why, cut), ct)
                : await run.Control.PostAsync($"/api/v1/principals/{Uri.EscapeDataString(who.Value)}/revoke", new RevokeBody(why, cut), ct);
            return Show(run, answer, who.Value);
        });
    }

    /// <summary>What the gateways did, as every revocation and block answers it.</summary>
    internal static void ShowGateways(Invocation run, JsonElement body) => run.Output.Fields(
        ("gateways acknowledged", WireReader.Shown(body, "gateways_acknowledged")),
        ("gateways condemned", WireReader.Shown(body, "gateways_condemned")),
        ("milliseconds", WholeMilliseconds(body)));

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
        ShowGateways(run, ok.Body);
        return ExitCodes.Ok;
    }

    private static string? WholeMilliseconds(JsonElement body) =>
        body.TryGetProperty("milliseconds", out var value) && value.ValueKind == JsonValueKind.Number
            ? Math.Ceiling(value.GetDouble()).ToString("F0", System.Globalization.CultureInfo.InvariantCulture)
            : null;

    internal sealed record RevokeBody(string? Reason, bool? Terminate);

    private sealed record MatchingBody(string? Api, string? Action, string? Issuer, string? Approver, string? Reason, bool? Terminate);
}
