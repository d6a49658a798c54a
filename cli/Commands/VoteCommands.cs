using System.CommandLine;
using JitGrains.Approvals;
using JitGrains.Cli.Api;
using JitGrains.Wire;

namespace JitGrains.Cli.Commands;

/// <summary><c>jit approve ID</c> and <c>jit deny ID</c>: shows what is voted on, and votes on exactly that.</summary>
internal static class VoteCommands
{
    public static IEnumerable<Command> Build(Wiring wiring) =>
        [Build(wiring, "approve", VoteDecision.Approve, "Vote for an approval request."), Build(wiring, "deny", VoteDecision.Deny, "Vote against an approval request: one such vote denies it.")];

    private static Command Build(Wiring wiring, string name, VoteDecision decision, string description)
    {
        var id = Syntax.Id("ID", "The approval request.", "rq_");
        var comment = Syntax.Text("--comment", "A comment for the requester and the audit trail.", "TEXT");
        var digest = Syntax.Text("--digest", "Vote only if the request still has this digest, as `jit show` gave it.", "DIGEST");
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask first. (Without a terminal nothing is asked.)" };
        return wiring.Run(new Command(name, description) { id, comment, digest, yes }, async (parsed, run, ct) =>
        {
            var found = await ShowCommand.FetchAsync(run, parsed.GetRequiredValue(id), ct);
            if (found.Request is null)
                return run.Output.Failed(found.Failure!);
            if (!run.Output.IsJson)
                RequestRendering.Show(run.Output, found.Request, run.Now);
            if (parsed.GetValue(digest) is { } seen && seen != found.Request.Digest)
                return run.Output.Failed($"the request is not the one you saw: its digest is {found.Request.Digest}; look again with `jit show {found.Request.Id}`");
            if (!parsed.GetValue(yes) && !Confirmed(run, decision))
                return run.Output.Failed("not voted");
            return await VoteAsync(run, found.Request, decision, parsed.GetValue(comment), ct);
        });
    }

    private static async Task<int> VoteAsync(Invocation run, ApprovalRequestView seen, VoteDecision decision, string? comment, CancellationToken ct)
    {
        var answer = await run.Control.PostAsync($"/api/v1/requests/{seen.Id}/votes", new VoteBody(decision, comment, seen.Digest), ct);
        if (answer is ApiAnswer.Refused { Problem.Name: "digest-mismatch" })
        {
            var code = run.Output.Failed(answer);
            run.Output.Note($"  It changed after it was shown to you. Nothing was voted: look again with `jit show {seen.Id}`.");
            return code;
        }

        if (answer is not ApiAnswer.Ok ok)
            return run.Output.Failed(answer);
        if (run.Output.IsJson)
        {
            run.Output.Json(ok.Body);
            return ExitCodes.Ok;
        }

        if (WireReader.Read<ApprovalRequestView>(ok.Body, out var failure) is not { } now)
            return run.Output.Failed(failure);
        run.Output.Line();
        run.Output.Line(Outcome(now, decision));
        return ExitCodes.Ok;
    }

    private static string Outcome(ApprovalRequestView request, VoteDecision decision) => request.Status switch
    {
        RequestStatus.Approved => $"Approved: {request.Principal} may now run it ({request.GrantId}).",
        RequestStatus.Denied => "Denied.",
        RequestStatus.Pending when decision == VoteDecision.Approve && request.Stages.All(s => s.Approvals >= s.Quorum) => "Approved: the grant is being made.",
        RequestStatus.Pending => $"Your vote counts; {Phrases.Votes(request)} so far.",
        var status => $"The request is {Phrases.Word(status)}.",
    };

    private static bool Confirmed(Invocation run, VoteDecision decision)
    {
        if (!run.Host.InputIsTerminal || !run.Host.OutputIsTerminal)
            return true;
        run.Host.Out.Write(decision == VoteDecision.Approve ? "Approve this? [y/N] " : "Deny this? [y/N] ");
        run.Host.Out.Flush();
        return run.Host.In.ReadLine()?.Trim() is "y" or "Y" or "yes";
    }

    private sealed record VoteBody(VoteDecision Decision, string? Comment, string Digest);
}
