using System.CommandLine;
using System.Text.Json;
using JitGrains.Cli.Api;
using JitGrains.Grants;
using JitGrains.Wire;

namespace JitGrains.Cli.Commands;

/// <summary><c>jit grants</c> and <c>jit release GRANT</c>.</summary>
internal static class GrantCommands
{
    private static readonly string[] Columns = ["ID", "STATUS", "WHO", "ACTION", "RESOURCE", "USES LEFT", "EXPIRES", "RULE"];

    public static IEnumerable<Command> Build(Wiring wiring) => [BuildList(wiring), BuildRelease(wiring)];

    private static Command BuildList(Wiring wiring)
    {
        var all = new Option<bool>("--all") { Description = "Everybody's, from the control plane." };
        var status = Syntax.OneOf("--status", "With --all: only these (default active; any for all).", "STATUS", [.. Enum.GetValues<GrantStatus>().Select(Phrases.Word), "any"]);
        var principal = Syntax.Text("--principal", "With --all: only of this principal.", "PRINCIPAL");
        var action = Syntax.Text("--action", "With --all: only for this action.", "NAME");
        var limit = Syntax.Count("--limit", $"With --all: at most so many (default {Pages.DefaultLimit}).", Pages.LargestLimit);
        var command = new Command("grants", "List your own grants, or everybody's.") { all, status, principal, action, limit };
        command.Validators.Add(result =>
        {
            if (!result.GetValue(all) && (result.GetResult(status) ?? result.GetResult(principal) ?? result.GetResult(action) ?? result.GetResult(limit)) is not null)
                result.AddError("--status, --principal, --action and --limit go with --all");
        });
        return wiring.Run(command, async (parsed, run, ct) =>
        {
            if (!parsed.GetValue(all))
                return await ShowOwnAsync(run, ct);
            string? who = null;
            if (parsed.GetValue(principal) is { } typed)
            {
                if (!run.TryParsePrincipal(typed, out var id, out var problem))
                    return run.Output.Failed($"--principal: {problem}", ExitCodes.Usage);
                who = id.Value;
            }

            var wanted = parsed.GetValue(status) ?? "active";
            var pages = await Pages.ReadAsync(
                run.Control,
                "/api/v1/grants",
                [("status", wanted == "any" ? null : wanted), ("principal", who), ("action", parsed.GetValue(action))],
                parsed.GetValue(limit) ?? Pages.DefaultLimit,
                ct);
            if (pages.Failure is not null)
                return run.Output.Failed(pages.Failure);
            return Show(run, pages.ToJson(), pages.Items, pages.More);
        });
    }

    private static async Task<int> ShowOwnAsync(Invocation run, CancellationToken ct)
    {
        var answer = await run.Gateway.GetAsync("/.jit/grants", ct);
        return answer is ApiAnswer.Ok ok
            ? Show(run, ok.Body, [.. WireReader.List(ok.Body, "items")], more: false)
            : run.Output.Failed(answer);
    }

    private static int Show(Invocation run, JsonElement answer, IReadOnlyList<JsonElement> items, bool more)
    {
        if (run.Output.IsJson)
        {
            run.Output.Json(answer);
            return ExitCodes.Ok;
        }

        var rows = new List<IReadOnlyList<string>>();
        foreach (var item in items)
        {
            if (WireReader.Read<GrantView>(item, out var failure) is not { } grant)
                return run.Output.Failed(failure);
            rows.Add(Row(grant, run.Now));
        }

        if (rows.Count == 0)
            run.Output.Note("No grants.");
        else
            run.Output.Table(Columns, rows);
        if (more)
            run.Output.Note($"There are more than {rows.Count}: --limit shows them.");
        return ExitCodes.Ok;
    }

    private static string[] Row(GrantView grant, DateTimeOffset now) =>
    [
        grant.Id,
        Phrases.Word(grant.Status) + (grant.EndedBy is { } by ? $" by {by}" : ""),
        Phrases.Who(grant.Principal, grant.Actors),
        grant.Action,
        grant.Binding == BindingKind.Action ? "any" : grant.Resource ?? "",
        grant.UsesLeft?.ToString() ?? "any",
        grant.Status == GrantStatus.Active ? Phrases.Left(grant.ExpiresAt, now) : "-",
        grant.Rule,
    ];

    private static Command BuildRelease(Wiring wiring)
    {
        var id = Syntax.Id("GRANT", "The grant.", "gr_");
        return wiring.Run(new Command("release", "Give one of your own grants back before it ends.") { id }, async (parsed, run, ct) =>
        {
            var grant = parsed.GetRequiredValue(id);
            var answer = await run.Gateway.DeleteAsync($"/.jit/grants/{grant}", null, ct);
            if (answer is not ApiAnswer.Ok ok)
                return run.Output.Failed(answer);
            if (run.Output.IsJson)
                run.Output.Json(ok.Body);
            else
                run.Output.Line($"{grant} is released: nothing starts under it any more.");
            return ExitCodes.Ok;
        });
    }
}
