using System.CommandLine;
using System.Text.Json;
using JitGrains.Cli.Api;
using JitGrains.Cli.Policies;
using JitGrains.Policy;

namespace JitGrains.Cli.Commands;

/// <summary><c>jit policy apply</c> and <c>jit policy rollback</c>: when they return, no gateway decides by an older policy.</summary>
internal static class PolicyChangeCommands
{
    public static Command BuildApply(Wiring wiring)
    {
        var path = new Argument<string[]>("FILE") { Description = "The policy: files, or a folder of .yaml files.", Arity = ArgumentArity.OneOrMore };
        var reason = Syntax.Text("--reason", "Why, for the history and the audit trail.", "TEXT");
        var expect = Syntax.Text("--expect", "Only if this version is in force.", "VERSION");
        var dryRun = new Option<bool>("--dry-run") { Description = "Have the server check it, and change nothing." };
        return wiring.Run(new Command("apply", "Put a policy in force on all gateways.") { path, reason, expect, dryRun }, async (parsed, run, ct) =>
        {
            if (Read(run, parsed.GetRequiredValue(path), out var problem) is not { } files)
                return run.Output.Failed(problem);
            var body = new ApplyBody(files, parsed.GetValue(reason), parsed.GetValue(expect), parsed.GetValue(dryRun) ? true : null);
            var answer = await run.Control.PutAsync("/api/v1/policy", body, ct);
            return body.DryRun is true && answer is ApiAnswer.Ok ok ? ShowCheck(run, ok.Body) : Show(run, answer);
        });
    }

    public static Command BuildRollback(Wiring wiring)
    {
        var to = new Argument<long>("N") { Description = "The number of the version, as `jit policy history` shows it." };
        var reason = Syntax.Text("--reason", "Why, for the history and the audit trail.", "TEXT");
        return wiring.Run(new Command("rollback", "Put an earlier policy in force again.") { to, reason }, async (parsed, run, ct) =>
            Show(run, await run.Control.PostAsync("/api/v1/policy/rollback", new RollbackBody(parsed.GetRequiredValue(to), parsed.GetValue(reason)), ct)));
    }

    private static Dictionary<string, string>? Read(Invocation run, IEnumerable<string> paths, out string problem)
    {
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var path in paths)
        {
            if (PolicyFiles.Read(run.Host, path, out problem) is not { } files)
                return null;
            foreach (var file in files.Files)
            {
                if (!texts.TryAdd(file.Name, file.Text))
                {
                    problem = $"two files have the name {file.Name}";
                    return null;
                }
            }
        }

        problem = "";
        return texts;
    }

    private static int ShowCheck(Invocation run, JsonElement body)
    {
        var taken = WireReader.Text(body, "version") is not null;
        if (run.Output.IsJson)
        {
            run.Output.Json(body);
        }
        else
        {
            foreach (var found in WireReader.List(body, "problems"))
                run.Output.Line(found.ToString());
            run.Output.Note(taken ? $"It can be taken: {WireReader.Text(body, "version")}." : "It cannot be taken.");
        }

        return taken ? ExitCodes.Ok : ExitCodes.Refused;
    }

    private static int Show(Invocation run, ApiAnswer answer)
    {
        if (answer is ApiAnswer.Refused { Problem.Name: "approval-required" } waits && !run.Output.IsJson && waits.Body.TryGetProperty("task", out var task))
        {
            run.Output.Line($"This needs an approval: {WireReader.Text(task, "id")}. Run the same command again once it is approved.");
            return waits.ExitCode;
        }

        if (answer is ApiAnswer.Refused refused && !run.Output.IsJson)
        {
            foreach (var found in WireReader.List(refused.Body, "problems"))
                run.Output.Line(found.ToString());
        }

        if (answer is not ApiAnswer.Ok ok)
            return run.Output.Failed(answer);
        if (run.Output.IsJson)
        {
            run.Output.Json(ok.Body);
            return ExitCodes.Ok;
        }

        var changed = ok.Body.TryGetProperty("changed", out var flag) && flag.ValueKind == JsonValueKind.True;
        run.Output.Line(changed
            ? $"Policy {WireReader.Text(ok.Body, "version")} is in force: no gateway decides by an older one."
            : $"Policy {WireReader.Text(ok.Body, "version")} was in force already.");
        run.Output.Fields(
            ("number", WireReader.Shown(ok.Body, "sequence")),
            ("before", changed ? WireReader.Shown(ok.Body, "before") : null),
            ("gateways acknowledged", WireReader.Shown(ok.Body, "gateways_acknowledged")),
            ("gateways condemned", WireReader.Shown(ok.Body, "gateways_condemned")));
        return ExitCodes.Ok;
    }

    private sealed record ApplyBody(IReadOnlyDictionary<string, string> Files, string? Reason, string? ExpectedVersion, bool? DryRun);

    private sealed record RollbackBody(long To, string? Reason);
}
