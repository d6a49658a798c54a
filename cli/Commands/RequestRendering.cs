using System.Text.Json;
using JitGrains.Approvals;
using JitGrains.Cli.Api;
using JitGrains.Wire;

namespace JitGrains.Cli.Commands;

/// <summary>An approval request as an approver needs it: who, what exactly, why, for how long, by which rule.</summary>
internal static class RequestRendering
{
    public static void Show(Output output, ApprovalRequestView request, DateTimeOffset now)
    {
        output.Line($"Approval request {request.Id}: {Phrases.Word(request.Status)}");
        output.Fields(
            ("who", Phrases.Who(request.Principal, request.Actors)),
            ("behind it", request.Excluded.IsDefaultOrEmpty ? null : string.Join(", ", request.Excluded)),
            ("action", Action(request)),
            ("resource", request.Resource.Length == 0 ? "any" : request.Resource),
            ("summary", request.Summary),
            ("from", request.Address is null || request.Country is null ? request.Address : $"{request.Address} ({request.Country})"),
            ("reason", request.Reason is null ? "(none given)" : $"\"{request.Reason}\""),
            ("ticket", request.Ticket),
            ("grant", $"{Phrases.Uses(request.Uses)} within {Durations.Format(TimeSpan.FromSeconds(request.WindowSeconds))} of the approval, {Phrases.Binding(request.Binding)}"),
            ("rule", $"{request.Rule} (policy {request.PolicyVersion})"),
            ("raised", Phrases.InstantAndAge(request.RaisedAt, now)),
            ("decide by", Phrases.InstantAndAge(request.ExpiresAt, now)),
            ("decided", request.DecidedAt is { } at ? Phrases.InstantAndAge(at, now) + (request.Automatic ? ", by the rule itself" : "") : null),
            ("grant id", request.GrantId),
            ("note", request.RecentlyExecuted ? "an identical call ran a short while ago" : null));
        Section(output, "Approvals", request.Stages.IsDefault ? [] : request.Stages.Select(Phrases.Stage));
        Section(output, "Votes", request.Votes.IsDefault ? [] : request.Votes.Select(Phrases.Vote));
        if (request.Payload is null)
            output.Line("Asked ahead: there is no call to look at.");
        else
            ShowPayload(output, request.Payload);
        output.Line($"Digest {request.Digest}");
    }

    /// <summary>What is known around it: earlier requests like it, and what ran under it.</summary>
    public static void ShowHistory(Output output, JsonElement answer)
    {
        Section(output, "Earlier requests like it", WireReader.List(answer, "earlier").Select(e =>
            Joined(
                WireReader.Shown(e, "id"),
                WireReader.Shown(e, "status"),
                WireReader.Shown(e, "raised_at"),
                WireReader.Shown(e, "principal"),
                WireReader.Shown(e, "resource"),
                WireReader.Shown(e, "reason") is { } reason ? $"\"{reason}\"" : null)));
        Section(output, "Executions", WireReader.List(answer, "executions").Select(Execution));
    }

    private static string Action(ApprovalRequestView request)
    {
        var classes = string.Join(", ", new[] { request.Access, request.Sensitivity }.Where(c => c is not null));
        return $"{request.Action} of {request.Api}{(classes.Length == 0 ? "" : $" ({classes})")}";
    }

    private static void ShowPayload(Output output, ReviewPayload payload)
    {
        output.Line("The call, as it will be sent:");
        output.Quoted($"{payload.Method} {payload.Target}");
        output.Quoted($"authority: {payload.Authority}");
        foreach (var header in payload.Headers.IsDefault ? [] : payload.Headers)
            output.Quoted($"{SafeDisplay.Line(header.Name)}: {SafeDisplay.Line(header.Value)}");
        if (payload.Body is not null)
        {
            output.Line($"Its body ({payload.BodyBytes} bytes{(payload.BodyIncomplete ? ", NOT SHOWN WHOLE" : "")}):");
            output.Quoted(payload.Body);
        }
        else if (payload.BodyBytes > 0)
        {
            output.Line($"Its body is {payload.BodyBytes} bytes and NOT SHOWN: it is not text.");
        }

        if (!payload.Masked.IsDefaultOrEmpty)
            output.Line($"Masked: {string.Join(", ", payload.Masked)}");
    }

    private static string Execution(JsonElement execution) => Joined(
        WireReader.Shown(execution, "id"),
        WireReader.Shown(execution, "status"),
        WireReader.Shown(execution, "http_status") is { } status ? $"HTTP {status}" : null,
        WireReader.Shown(execution, "error"),
        WireReader.Shown(execution, "started_at"));

    private static string Joined(params string?[] parts) => string.Join("  ", parts.Where(p => !string.IsNullOrEmpty(p)));

    private static void Section(Output output, string title, IEnumerable<string> lines)
    {
        var shown = lines.ToList();
        if (shown.Count == 0)
            return;
        output.Line(title + ":");
        foreach (var line in shown)
            output.Line("  " + line);
    }
}
