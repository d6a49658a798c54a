using System.CommandLine;
using System.Text.Json;
using JitGrains.Cli.Api;

namespace JitGrains.Cli.Commands;

/// <summary><c>jit keys</c>: API keys for callers that can do no better.</summary>
internal static class KeyCommands
{
    private static readonly string[] Columns = ["NAME", "STATUS", "OWNER", "EXPIRES", "LAST USED", "APIS", "ACTIONS"];
    private static readonly string[] Members = ["name", "status", "owner", "expires_at", "last_used_at"];

    private sealed record CreateBody(string Name, string Owner, long ExpiresIn, string[]? Groups, string[]? Apis, string[]? Actions, string? Description);

    public static Command Build(Wiring wiring)
    {
        var command = wiring.Run(new Command("keys", "API keys: list them, create one, revoke one."), async (_, run, ct) =>
        {
            var answer = await run.Control.GetAsync("/api/v1/keys", ct);
            return answer is ApiAnswer.Ok ok ? List(run, ok.Body) : run.Output.Failed(answer);
        });
        command.Subcommands.Add(BuildCreate(wiring));
        command.Subcommands.Add(BuildRevoke(wiring));
        return command;
    }

    private static Command BuildCreate(Wiring wiring)
    {
        var name = new Argument<string>("NAME") { Description = "Its name; its principal is keys:key:NAME." };
        var owner = Syntax.Text("--owner", "Who answers for it, and cannot approve for it.", "PRINCIPAL");
        owner.Required = true;
        var expires = Syntax.Duration("--expires", "For how long it works (at most 366d).");
        expires.Required = true;
        var groups = Several("--group", "A group of its principal; several times for several.");
        var apis = Several("--api", "An API that it is for; without, any.");
        var actions = Several("--action", "An action that it is for; without, any.");
        var description = Syntax.Text("--description", "For people.", "TEXT");
        return wiring.Run(new Command("create", "Create a key. It is shown this once.") { name, owner, expires, groups, apis, actions, description }, async (parsed, run, ct) =>
        {
            if (!run.TryParsePrincipal(parsed.GetRequiredValue(owner)!, out var who, out var problem))
                return run.Output.Failed($"--owner: {problem}", ExitCodes.Usage);
            var body = new CreateBody(
                parsed.GetRequiredValue(name), who.Value, (long)parsed.GetValue(expires)!.Value.TotalSeconds,
                parsed.GetValue(groups), parsed.GetValue(apis), parsed.GetValue(actions), parsed.GetValue(description));
            var answer = await run.Control.PostAsync("/api/v1/keys", body, ct);
            if (answer is not ApiAnswer.Ok ok)
                return run.Output.Failed(answer);
            if (run.Output.IsJson)
            {
                run.Output.Json(ok.Body);
                return ExitCodes.Ok;
            }

            // The key alone on its line of standard output: to be kept by whoever reads it.
            run.Output.Note($"{body.Name} works for {Durations.Format(parsed.GetValue(expires)!.Value)}. This is the only time that it is shown:");
            run.Output.Line(WireReader.Shown(ok.Body, "secret") ?? "-");
            return ExitCodes.Ok;
        });
    }

    private static Command BuildRevoke(Wiring wiring)
    {
        var name = new Argument<string>("NAME") { Description = "The key." };
        var reason = Syntax.Text("--reason", "Why, for the audit trail.", "TEXT");
        var terminate = new Option<bool>("--terminate") { Description = "Cut what runs even where its action drains." };
        return wiring.Run(new Command("revoke", "Take a key away: when it returns, nothing starts by it anywhere.") { name, reason, terminate }, async (parsed, run, ct) =>
        {
            var key = parsed.GetRequiredValue(name);
            var body = new RevokeCommand.RevokeBody(parsed.GetValue(reason), parsed.GetValue(terminate) ? true : null);
            var answer = await run.Control.DeleteAsync($"/api/v1/keys/{Uri.EscapeDataString(key)}", body, ct);
            if (answer is not ApiAnswer.Ok ok)
                return run.Output.Failed(answer);
            if (run.Output.IsJson)
            {
                run.Output.Json(ok.Body);
                return ExitCodes.Ok;
            }

            run.Output.Line($"{key} is revoked: nothing starts by it any more.");
            RevokeCommand.ShowGateways(run, ok.Body);
            return ExitCodes.Ok;
        });
    }

    private static Option<string[]> Several(string name, string description) => new(name) { Description = description, HelpName = "NAME", Arity = ArgumentArity.OneOrMore };

    private static int List(Invocation run, JsonElement body)
    {
        if (run.Output.IsJson)
        {
            run.Output.Json(body);
            return ExitCodes.Ok;
        }

        var rows = WireReader.List(body, "items").Select(i => (IReadOnlyList<string>)
        [
            .. Members.Select(m => WireReader.Shown(i, m) ?? "-"), Names(i, "apis"), Names(i, "actions"),
        ]).ToList();
        if (rows.Count == 0)
            run.Output.Note("No keys.");
        else
            run.Output.Table(Columns, rows);
        return ExitCodes.Ok;
    }

    private static string Names(JsonElement item, string member) =>
        string.Join(' ', WireReader.List(item, member).Select(n => n.ValueKind == JsonValueKind.String ? SafeDisplay.Line(n.GetString()!) : "?")) is { Length: > 0 } names ? names : "any";
}
