using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using JitGrains.Cli.Api;

namespace JitGrains.Cli.Commands;

/// <summary><c>jit audit</c>, <c>jit audit verify</c> and <c>jit audit erase WHO</c>.</summary>
internal static class AuditCommands
{
    private static readonly string[] Columns = ["AT", "SOURCE", "SEQ", "TYPE", "DATA"];

    /// <summary>Every entry there ever was is read.</summary>
    private static readonly TimeSpan LongestVerification = TimeSpan.FromHours(1);

    public static Command Build(Wiring wiring)
    {
        var type = Syntax.Text("--type", "Only entries of this type, such as grant.consumed.", "TYPE");
        var principal = Syntax.Text("--principal", "Only about this principal.", "PRINCIPAL");
        var request = Syntax.Text("--request", "Only about this approval request.", "ID");
        var source = Syntax.Text("--source", "Only of this chain.", "SOURCE");
        var since = new Option<string?>("--since") { Description = "Only from then on: an instant (2030-01-01T12:00:00Z), or a duration back from now (1h).", HelpName = "WHEN" };
        var limit = Syntax.Count("--limit", $"At most so many (default {Pages.DefaultLimit}).", Pages.LargestLimit);
        var command = new Command("audit", "Read the audit trail.") { type, principal, request, source, since, limit };
        command.Subcommands.Add(BuildVerify(wiring));
        command.Subcommands.Add(AuditEraseCommand.Build(wiring));
        return wiring.Run(command, async (parsed, run, ct) =>
        {
            string? who = null;
            if (parsed.GetValue(principal) is { } typed)
            {
                if (!run.TryParsePrincipal(typed, out var id, out var problem))
                    return run.Output.Failed($"--principal: {problem}", ExitCodes.Usage);
                who = id.Value;
            }

            string? from = null;
            if (parsed.GetValue(since) is { } when)
            {
                if (!TryParseSince(when, run.Now, out var instant))
                    return run.Output.Failed("--since: an instant such as 2030-01-01T12:00:00Z, or a duration such as 1h", ExitCodes.Usage);
                from = instant.UtcDateTime.ToString("O", CultureInfo.InvariantCulture);
            }

            var pages = await Pages.ReadAsync(
                run.Control,
                "/api/v1/audit",
                [("source", parsed.GetValue(source)), ("type", parsed.GetValue(type)), ("principal", who), ("request", parsed.GetValue(request)), ("from", from)],
                parsed.GetValue(limit) ?? Pages.DefaultLimit,
                ct);
            return pages.Failure is null ? Show(run, pages) : run.Output.Failed(pages.Failure);
        });
    }

    private static int Show(Invocation run, Pages.Result pages)
    {
        if (run.Output.IsJson)
        {
            run.Output.Json(pages.ToJson());
            return ExitCodes.Ok;
        }

        if (pages.Items.Count == 0)
            run.Output.Note("No entries.");
        else
            run.Output.Table(Columns, [.. pages.Items.Select(Row)]);
        if (pages.More)
            run.Output.Note($"There are more than {pages.Items.Count}: --limit shows them.");
        return ExitCodes.Ok;
    }

    private static string[] Row(JsonElement entry) =>
    [
        WireReader.Shown(entry, "at") ?? "",
        WireReader.Shown(entry, "source") ?? "",
        WireReader.Shown(entry, "sequence") ?? "",
        WireReader.Shown(entry, "type") ?? "",
        Data(entry),
    ];

    /// <summary>The fields; a personal one as its value where that is still held, as its digest where it was erased.</summary>
    private static string Data(JsonElement entry)
    {
        if (entry.ValueKind != JsonValueKind.Object || !entry.TryGetProperty("data", out var data) || data.ValueKind != JsonValueKind.Object)
            return "";
        var held = entry.TryGetProperty("personal", out var personal) ? personal : default;
        return string.Join(' ', data.EnumerateObject().Select(field =>
        {
            var value = WireReader.Shown(data, field.Name) ?? field.Value.GetRawText();
            return $"{field.Name}={WireReader.Text(held, value) ?? value}";
        }));
    }

    private static bool TryParseSince(string text, DateTimeOffset now, out DateTimeOffset instant)
    {
        if (Durations.TryParse(text, out var back, out _))
        {
            instant = now - back;
            return true;
        }

        return DateTimeOffset.TryParseExact(
            text,
            ["yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK", "yyyy-MM-dd'T'HH:mmK", "yyyy-MM-dd"],
            CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal,
            out instant);
    }

    private static Command BuildVerify(Wiring wiring)
    {
        var head = Syntax.Text("--head", "A head noted earlier, as this command prints it: the chain must still hold it.", "SOURCE:SEQ:HASH");
        head.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && !TryParseHead(result.Tokens[0].Value, out _, out _, out _))
                result.AddError("--head: written SOURCE:SEQ:HASH, as `jit audit verify` prints it");
        });
        return wiring.Run(new Command("verify", "Check the audit trail's chains for edits, gaps and truncation.") { head }, async (parsed, run, ct) =>
        {
            var query = "";
            if (parsed.GetValue(head) is { } noted && TryParseHead(noted, out var source, out var sequence, out var hash))
                query = $"?source={Uri.EscapeDataString(source)}&head_sequence={sequence}&head_hash={Uri.EscapeDataString(hash)}";
            run.Http.Timeout = LongestVerification;
            var answer = await run.Control.GetAsync("/api/v1/audit/verify" + query, ct);
            return answer is ApiAnswer.Ok ok ? ShowVerdict(run, ok.Body) : run.Output.Failed(answer);
        });
    }

    private static int ShowVerdict(Invocation run, JsonElement verdict)
    {
        var isValid = verdict.ValueKind == JsonValueKind.Object && verdict.TryGetProperty("valid", out var valid) && valid.ValueKind == JsonValueKind.True;
        if (run.Output.IsJson)
        {
            run.Output.Json(verdict);
            return isValid ? ExitCodes.Ok : ExitCodes.Refused;
        }

        var chains = WireReader.List(verdict, "chains").ToList();
        run.Output.Line($"{(isValid ? "Valid" : "NOT VALID")}: {WireReader.Shown(verdict, "entries")} entries in {chains.Count} chains.");
        foreach (var problem in WireReader.List(verdict, "problems"))
            run.Output.Line($"  {WireReader.Shown(problem, "source")} after {WireReader.Shown(problem, "sequence")}: {WireReader.Shown(problem, "problem")}");
        if (chains.Count > 0)
            run.Output.Line("Heads (keep them elsewhere, and give one back with --head):");
        foreach (var chain in chains)
            run.Output.Line($"  {WireReader.Shown(chain, "source")}:{WireReader.Shown(chain, "sequence")}:{WireReader.Shown(chain, "hash")}");
        return isValid ? ExitCodes.Ok : ExitCodes.Refused;
    }

    /// <summary>Split from the right: a source may hold colons.</summary>
    private static bool TryParseHead(string text, out string source, out long sequence, out string hash)
    {
        source = hash = "";
        sequence = 0;
        var last = text.LastIndexOf(':');
        var middle = last < 1 ? -1 : text.LastIndexOf(':', last - 1);
        if (middle < 1 || last == text.Length - 1 || !long.TryParse(text.AsSpan(middle + 1, last - middle - 1), NumberStyles.None, CultureInfo.InvariantCulture, out sequence))
            return false;
        source = text[..middle];
        hash = text[(last + 1)..];
        return true;
    }
}
