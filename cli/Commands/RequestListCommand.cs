using System.CommandLine;
using JitGrains.Approvals;
using JitGrains.Cli.Api;
using JitGrains.Wire;

namespace JitGrains.Cli.Commands;

/// <summary><c>jit requests</c>: what waits for a decision.</summary>
internal static class RequestListCommand
{
    private static readonly string[] Columns = ["ID", "STATUS", "WHO", "ACTION", "RESOURCE", "AGE", "EXPIRES", "VOTES", "SUMMARY"];

    public static Command Build(Wiring wiring)
    {
        var status = Syntax.OneOf("--status", "Only these (default pending).", "STATUS", [.. Enum.GetValues<RequestStatus>().Select(Phrases.Word)]);
        var all = new Option<bool>("--all") { Description = "Whatever their status." };
        var action = Syntax.Text("--action", "Only for this action.", "NAME");
        var principal = Syntax.Text("--principal", "Only of this principal.", "PRINCIPAL");
        var limit = Syntax.Count("--limit", $"At most so many (default {Pages.DefaultLimit}).", Pages.LargestLimit);
        var command = new Command("requests", "List approval requests.") { status, all, action, principal, limit };
        command.Validators.Add(result =>
        {
            if (result.GetValue(all) && result.GetValue(status) is not null)
                result.AddError("--all and --status exclude each other");
        });
        return wiring.Run(command, async (parsed, run, ct) =>
        {
            string? who = null;
            if (parsed.GetValue(principal) is { } typed)
            {
                if (!run.TryParsePrincipal(typed, out var id, out var problem))
                    return run.Output.Failed($"--principal: {problem}", ExitCodes.Usage);
                who = id.Value;
            }

            var wanted = parsed.GetValue(all) ? null : parsed.GetValue(status) ?? "pending";
            var pages = await Pages.ReadAsync(
                run.Control,
                "/api/v1/requests",
                [("status", wanted), ("action", parsed.GetValue(action)), ("principal", who)],
                parsed.GetValue(limit) ?? Pages.DefaultLimit,
                ct);
            return pages.Failure is null ? Show(run, pages, wanted) : run.Output.Failed(pages.Failure);
        });
    }

    private static int Show(Invocation run, Pages.Result pages, string? status)
    {
        if (run.Output.IsJson)
        {
            run.Output.Json(pages.ToJson());
            return ExitCodes.Ok;
        }

        var rows = new List<IReadOnlyList<string>>();
        foreach (var item in pages.Items)
        {
            if (WireReader.Read<ApprovalRequestView>(item, out var failure) is not { } request)
                return run.Output.Failed(failure);
            rows.Add(Row(request, run.Now));
        }

        if (rows.Count == 0)
            run.Output.Note(status is null ? "No approval requests." : $"No {status} approval requests.");
        else
            run.Output.Table(Columns, rows);
        if (pages.More)
            run.Output.Note($"There are more than {rows.Count}: --limit shows them.");
        return ExitCodes.Ok;
    }

    private static string[] Row(ApprovalRequestView request, DateTimeOffset now) =>
    [
        request.Id,
        Phrases.Word(request.Status),
        Phrases.Who(request.Principal, request.Actors),
        request.Action,
        request.Resource.Length == 0 ? "any" : request.Resource,
        Durations.Format(now - request.RaisedAt),
        request.Status == RequestStatus.Pending ? Phrases.Left(request.ExpiresAt, now) : "-",
        Phrases.Votes(request),
        request.Summary,
    ];
}
