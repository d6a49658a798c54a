using System.CommandLine;
using System.Globalization;
using JitGrains.Cli.Api;

namespace JitGrains.Cli.Commands;

/// <summary><c>jit policy history</c> and <c>jit policy diff</c>: what the policy was.</summary>
internal static class PolicyHistoryCommands
{
    public static Command BuildHistory(Wiring wiring) =>
        wiring.Run(new Command("history", "List the latest versions of the policy: who applied which, when and why."), async (_, run, ct) =>
        {
            var answer = await run.Control.GetAsync("/api/v1/policy/history", ct);
            if (answer is not ApiAnswer.Ok ok)
                return run.Output.Failed(answer);
            if (run.Output.IsJson)
            {
                run.Output.Json(ok.Body);
                return ExitCodes.Ok;
            }

            run.Output.Table(["N", "VERSION", "APPLIED", "BY", "REASON"], [.. WireReader.List(ok.Body, "items").Select(item => (string[])
            [
                WireReader.Shown(item, "sequence") ?? "",
                WireReader.Text(item, "version") ?? "",
                DateTimeOffset.TryParse(WireReader.Text(item, "applied_at"), CultureInfo.InvariantCulture, out var at) ? Phrases.Instant(at) : "",
                WireReader.Text(item, "applied_by") ?? "(configured file)",
                (WireReader.Shown(item, "rolled_back_to") is { } to ? $"(back to {to}) " : "") + WireReader.Text(item, "reason"),
            ])]);
            return ExitCodes.Ok;
        });

    public static Command BuildDiff(Wiring wiring)
    {
        var from = new Argument<long?>("FROM") { Description = "A version's number; the one before the latest where none is given.", Arity = ArgumentArity.ZeroOrOne };
        var to = new Argument<long?>("TO") { Description = "Another; the latest where none is given.", Arity = ArgumentArity.ZeroOrOne };
        return wiring.Run(new Command("diff", "Show how two versions of the policy differ.") { from, to }, async (parsed, run, ct) =>
        {
            string[] query = [.. new[] { ("from", parsed.GetValue(from)), ("to", parsed.GetValue(to)) }.Where(q => q.Item2 is not null).Select(q => $"{q.Item1}={q.Item2}")];
            var answer = await run.Control.GetAsync("/api/v1/policy/diff" + (query.Length == 0 ? "" : "?" + string.Join('&', query)), ct);
            if (answer is not ApiAnswer.Ok ok)
                return run.Output.Failed(answer);
            if (run.Output.IsJson)
            {
                run.Output.Json(ok.Body);
                return ExitCodes.Ok;
            }

            foreach (var line in (WireReader.Text(ok.Body, "diff") ?? "").Split('\n'))
            {
                if (line.Length > 0)
                    run.Output.Line(line);
            }

            return ExitCodes.Ok;
        });
    }
}
