using System.CommandLine;
using System.Text.Json;
using JitGrains.Cli.Api;
using JitGrains.Identity;

namespace JitGrains.Cli.Commands;

/// <summary><c>jit request ACTION</c>: asks ahead, as the caller, at the gateway.</summary>
internal static class RequestCommand
{
    /// <summary>What the gateway holds a poll for at most (design: common proxies give up at 60 s).</summary>
    private static readonly TimeSpan LongestPoll = TimeSpan.FromSeconds(50);

    public static Command Build(Wiring wiring)
    {
        var action = new Argument<string>("ACTION") { Description = "The action, such as orders.delete." };
        action.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && !SafeText.IsToken(result.Tokens[0].Value))
                result.AddError("ACTION: an action's name is 1 to 64 letters, digits, '.', '-' or '_'");
        });
        var resource = new Option<string[]>("--resource") { Description = "What on, such as order=42; once for each part.", HelpName = "NAME=VALUE" };
        resource.Validators.Add(result =>
        {
            if (ReadResource(result.Tokens.Select(t => t.Value), out var problem) is null)
                result.AddError(problem);
        });
        var window = Syntax.Duration("--for", "How long after the approval.");
        var uses = Syntax.Count("--uses", "How many uses.", 1_000_000);
        var reason = Syntax.Text("--reason", "Why: approvers see it.", "TEXT");
        reason.Required = true;
        var ticket = Syntax.Text("--ticket", "A reference to a ticket.", "TEXT");
        var wait = Syntax.Duration("--wait", "Wait so long for the decision; the exit code says whether it was approved.");
        var command = new Command("request", "Ask ahead for an action.") { action, resource, window, uses, reason, ticket, wait };
        command.Subcommands.Add(ShowCommand.Build(wiring, "show"));
        return wiring.Run(command, async (parsed, run, ct) =>
        {
            var parts = ReadResource(parsed.GetValue(resource) ?? [], out _);
            var body = new AskBody(
                parsed.GetRequiredValue(action),
                parts is { Count: > 0 } ? parts : null,
                parsed.GetRequiredValue(reason)!,
                parsed.GetValue(ticket),
                parsed.GetValue(window) is { } w ? (long)w.TotalSeconds : null,
                parsed.GetValue(uses));
            var answer = await run.Gateway.PostAsync("/.jit/requests", body, ct);
            return answer is ApiAnswer.Ok ok ? await FollowAsync(run, ok.Body, parsed.GetValue(wait), ct) : run.Output.Failed(answer);
        });
    }

    private static async Task<int> FollowAsync(Invocation run, JsonElement task, TimeSpan? wait, CancellationToken ct)
    {
        var id = WireReader.Text(task, "id");
        if (id is null || !Syntax.IsId(id, "rq_"))
            return run.Output.Failed(new ApiAnswer.Unreadable("the gateway's answer is no approval request"));
        if (wait is { } longest && WireReader.Text(task, "status") == "pending")
        {
            if (!run.Output.IsJson)
                run.Output.Note($"Raised {id}; waiting up to {Durations.Format(longest)} for the decision.");
            var (decided, failure) = await WaitAsync(run, id, task, longest, ct);
            if (failure is not null)
                return run.Output.Failed(failure);
            task = decided;
        }

        var status = WireReader.Text(task, "status");
        if (run.Output.IsJson)
            run.Output.Json(task);
        else
            Show(run, task, id, status);
        var inVain = status is not ("pending" or "approved") || (wait is not null && status != "approved");
        return inVain ? ExitCodes.Refused : ExitCodes.Ok;
    }

    private static async Task<(JsonElement Task, ApiAnswer? Failure)> WaitAsync(Invocation run, string id, JsonElement task, TimeSpan longest, CancellationToken ct)
    {
        var until = run.Now + longest;
        while (WireReader.Text(task, "status") == "pending" && run.Now < until)
        {
            var asked = run.Now;
            var left = until - asked;
            var answer = await run.Gateway.GetAsync($"/.jit/requests/{id}", ct, left < LongestPoll ? left : LongestPoll);
            if (answer is not ApiAnswer.Ok ok)
                return (task, answer);
            task = ok.Body;
            // A gateway that answers at once (it is stopping, or holds no polls) is not asked in a tight loop.
            if (WireReader.Text(task, "status") == "pending" && run.Now - asked < TimeSpan.FromSeconds(1))
                await Task.Delay(TimeSpan.FromSeconds(1), run.Host.Time, ct);
        }

        return (task, null);
    }

    private static void Show(Invocation run, JsonElement task, string id, string? status)
    {
        var links = task.TryGetProperty("links", out var l) ? l : default;
        var grant = task.TryGetProperty("grant", out var g) ? g : default;
        run.Output.Line($"Approval request {id}: {status}");
        run.Output.Fields(
            ("action", WireReader.Shown(task, "action")),
            ("resource", WireReader.Shown(task, "resource")),
            ("expires", WireReader.Shown(task, "expires_at")),
            ("approve", status == "pending" ? WireReader.Shown(links, "approve") ?? $"jit approve {id}" : null),
            ("grant", WireReader.Shown(grant, "id")),
            ("grant ends", WireReader.Shown(grant, "expires_at")),
            ("uses left", WireReader.Shown(grant, "uses_left")));
    }

    /// <summary>The parts by name; null with the problem where one is not written as it should be.</summary>
    private static Dictionary<string, string>? ReadResource(IEnumerable<string> texts, out string problem)
    {
        var parts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var text in texts)
        {
            var equals = text.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1 || equals == text.Length - 1 || !SafeText.IsToken(text[..equals]))
            {
                problem = "--resource: written NAME=VALUE, such as order=42";
                return null;
            }

            if (!parts.TryAdd(text[..equals], text[(equals + 1)..]))
            {
                problem = $"--resource: {text[..equals]} is given twice";
                return null;
            }
        }

        problem = "";
        return parts;
    }

    private sealed record AskBody(string Action, Dictionary<string, string>? Resource, string Reason, string? Ticket, long? DurationSeconds, int? Uses);
}
