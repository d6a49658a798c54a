using System.CommandLine;
using System.Text.Json;
using JitGrains.Cli.Api;
using JitGrains.Cli.Policies;
using JitGrains.Policy;
using JitGrains.Wire;

namespace JitGrains.Cli.Commands;

/// <summary><c>jit explain ID</c> and <c>jit explain METHOD URL --as PRINCIPAL</c>: why policy says what it says.</summary>
internal static class ExplainCommand
{
    public static Command Build(Wiring wiring)
    {
        var what = new Argument<string>("ID|METHOD") { Description = "The id of a request, grant or execution, or a call's method." };
        var url = new Argument<string?>("URL") { Description = "The call's address, whole.", Arity = ArgumentArity.ZeroOrOne };
        var principal = wiring.Globals.As;
        var groups = Syntax.Text("--groups", "The groups that principal is in, joined by commas.", "GROUPS");
        var body = Syntax.Text("--body", "The call's JSON body, or @FILE.", "JSON");
        var policy = Syntax.Text("--policy", "Ask this file or folder, and no server.", "FILE");
        var command = new Command("explain", "Say why policy decided a call, or would decide one: METHOD URL, with --as for whose call it is.") { what, url, groups, body, policy };
        command.Validators.Add(result =>
        {
            var first = result.GetResult(what)?.Tokens is { Count: > 0 } tokens ? tokens[0].Value : "";
            var isCall = result.GetResult(url) is { Tokens.Count: > 0 };
            if (isCall && result.GetValue(principal) is null)
                result.AddError("--as PRINCIPAL says whose call to explain");
            if (first.Length > 0 && !isCall && !Syntax.IsId(first, "rq_", "gr_", "ex_"))
                result.AddError($"'{first}' is not the id of a request, grant or execution, and without a URL it is no call");
            if (!isCall && (result.GetResult(groups) ?? result.GetResult(body) ?? result.GetResult(policy)) is not null)
                result.AddError("--groups, --body and --policy go with METHOD URL");
        });
        return wiring.Run(command, async (parsed, run, ct) =>
        {
            if (parsed.GetValue(url) is not { } address)
                return Show(run, await run.Control.GetAsync($"/api/v1/explain/{parsed.GetRequiredValue(what)}", ct));
            var line = new CallToExplain.Line(
                parsed.GetRequiredValue(what), address, parsed.GetRequiredValue(principal)!, parsed.GetValue(groups), parsed.GetValue(body));
            return parsed.GetValue(policy) is { } file ? ExplainLocally(run, line, file) : await AskAsync(run, line, ct);
        }, asIsSubject: parsed => parsed.GetValue(url) is not null);
    }

    private static async Task<int> AskAsync(Invocation run, CallToExplain.Line line, CancellationToken ct)
    {
        var call = CallToExplain.Read(run.Host, line, run.DefaultRealm, out var problem);
        if (call is null)
            return run.Output.Failed(problem, ExitCodes.Usage);
        // In the quickstart everybody's tokens are at hand, and everybody may ask about themselves.
        var asker = run.Identity.IsGiven || call.Principal.Realm != run.DefaultRealm ? run.Identity : run.Identity.WithName(call.Principal.Name);
        if (call.Groups is null && asker == run.Identity)
            run.Output.Note("Without --groups the principal is taken to be in none, unless you ask about yourself.");
        var body = new ExplainBody(call.Method, call.Url, call.Principal.Value, call.Groups, call.Body);
        return Show(run, await run.ControlAs(asker).PostAsync("/api/v1/explain", body, ct));
    }

    private static int ExplainLocally(Invocation run, CallToExplain.Line line, string file)
    {
        if (LocalPolicy.Load(run, file) is not { } policy)
            return ExitCodes.Refused;
        var call = CallToExplain.Read(run.Host, line, policy.Realm, out var problem);
        if (call is null)
            return run.Output.Failed(problem, ExitCodes.Usage);
        if (call.Groups is null)
            run.Output.Note("Without --groups the principal is taken to be in none.");
        var view = ExplanationView.From(policy.Version, policy.Ask(call.ToProbe(run.Now)));
        if (run.Output.IsJson)
            run.Output.Json(view);
        else
            ExplanationRendering.Show(run.Output, view);
        return ExitCodes.Ok;
    }

    private static int Show(Invocation run, ApiAnswer answer)
    {
        if (answer is not ApiAnswer.Ok ok)
            return run.Output.Failed(answer);
        if (run.Output.IsJson)
            run.Output.Json(ok.Body);
        else if (WireReader.Read<ExplanationView>(ok.Body, out _) is { } view)
            ExplanationRendering.Show(run.Output, view);
        else
            run.Output.Outline(ok.Body);
        return ExitCodes.Ok;
    }

    private sealed record ExplainBody(string Method, string Url, string Principal, string[]? Groups, JsonElement? Body);
}
