using System.CommandLine;
using System.Text.Json;
using JitGrains.Cli.Api;

namespace JitGrains.Cli.Commands;

/// <summary><c>jit block</c>, <c>jit unblock</c>, <c>jit blocks</c> and <c>jit gateways</c>.</summary>
internal static class BlockCommands
{
    public static IEnumerable<Command> Build(Wiring wiring) => [BuildBlock(wiring), BuildUnblock(wiring), BuildBlocks(wiring), BuildGateways(wiring)];

    private static Command BuildBlock(Wiring wiring)
    {
        var principal = new Argument<string>("PRINCIPAL") { Description = "Who." };
        var reason = Syntax.Text("--reason", "Why, for the audit trail.", "TEXT");
        var terminate = new Option<bool>("--terminate") { Description = "Cut what runs even where its action drains." };
        var command = new Command("block", "Refuse every call of a principal, until it is unblocked.") { principal, reason, terminate };
        return wiring.Run(command, async (parsed, run, ct) =>
        {
            if (!run.TryParsePrincipal(parsed.GetRequiredValue(principal), out var who, out var problem))
                return run.Output.Failed($"PRINCIPAL: {problem}", ExitCodes.Usage);
            var body = new RevokeCommand.RevokeBody(parsed.GetValue(reason), parsed.GetValue(terminate) ? true : null);
            var answer = await run.Control.PutAsync($"/api/v1/blocks/{Uri.EscapeDataString(who.Value)}", body, ct);
            return Show(run, answer, $"{who.Value} is blocked: nothing that it calls starts any more, on any gateway.");
        });
    }

    private static Command BuildUnblock(Wiring wiring)
    {
        var principal = new Argument<string>("PRINCIPAL") { Description = "Who." };
        var reason = Syntax.Text("--reason", "Why, for the audit trail.", "TEXT");
        return wiring.Run(new Command("unblock", "End a block.") { principal, reason }, async (parsed, run, ct) =>
        {
            if (!run.TryParsePrincipal(parsed.GetRequiredValue(principal), out var who, out var problem))
                return run.Output.Failed($"PRINCIPAL: {problem}", ExitCodes.Usage);
            var body = new RevokeCommand.RevokeBody(parsed.GetValue(reason), null);
            var answer = await run.Control.DeleteAsync($"/api/v1/blocks/{Uri.EscapeDataString(who.Value)}", body, ct);
            return Show(run, answer, $"{who.Value} is not blocked any more.");
        });
    }

    private static Command BuildBlocks(Wiring wiring) =>
        wiring.Run(new Command("blocks", "Who is blocked."), (_, run, ct) =>
            List(run, "/api/v1/blocks", ["PRINCIPAL", "SINCE", "BY", "REASON"], ["principal", "at", "by", "reason"], "Nobody is blocked.", ct));

    private static Command BuildGateways(Wiring wiring) =>
        wiring.Run(new Command("gateways", "The gateways and their leases."), (_, run, ct) =>
            List(
                run,
                "/api/v1/gateways",
                ["INCARNATION", "NAME", "LEASE", "RENEWED", "MAIL", "ENDED BECAUSE"],
                ["incarnation", "name", "phase", "renewed_at", "mail", "ended_because"],
                "No gateways.",
                ct));

    private static async Task<int> List(Invocation run, string path, string[] columns, string[] members, string none, CancellationToken ct)
    {
        var answer = await run.Control.GetAsync(path, ct);
        if (answer is not ApiAnswer.Ok ok)
            return run.Output.Failed(answer);
        if (run.Output.IsJson)
        {
            run.Output.Json(ok.Body);
            return ExitCodes.Ok;
        }

        var rows = WireReader.List(ok.Body, "items").Select(i => (IReadOnlyList<string>)[.. members.Select(m => WireReader.Shown(i, m) ?? "-")]).ToList();
        if (rows.Count == 0)
            run.Output.Note(none);
        else
            run.Output.Table(columns, rows);
        return ExitCodes.Ok;
    }

    private static int Show(Invocation run, ApiAnswer answer, string done)
    {
        if (answer is not ApiAnswer.Ok ok)
            return run.Output.Failed(answer);
        if (run.Output.IsJson)
        {
            run.Output.Json(ok.Body);
            return ExitCodes.Ok;
        }

        if (ok.Body.ValueKind != JsonValueKind.Object)
            return run.Output.Failed(new ApiAnswer.Unreadable("the control plane's answer says not what came of it"));
        run.Output.Line(done);
        RevokeCommand.ShowGateways(run, ok.Body);
        return ExitCodes.Ok;
    }
}
