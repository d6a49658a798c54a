using System.CommandLine;
using JitGrains.Cli.Api;
using JitGrains.Identity;

namespace JitGrains.Cli.Commands;

/// <summary><c>jit dev token NAME</c>: a token of the quickstart's development issuer.</summary>
internal static class DevCommands
{
    public static Command Build(Wiring wiring)
    {
        var name = new Argument<string>("NAME") { Description = "alice, bob, carol or dave in the quickstart." };
        name.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && !SafeText.IsToken(result.Tokens[0].Value))
                result.AddError("NAME: 1 to 64 letters, digits, '.', '-' or '_'");
        });
        var actor = Syntax.Text("--act", "Who acts for NAME, such as agent:triage-bot (RFC 8693).", "KIND:NAME");
        actor.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && !PrincipalId.TryParse(result.Tokens[0].Value, DevIssuer.Realm, out _, out _))
                result.AddError("--act: written KIND:NAME, such as agent:triage-bot");
        });
        var token = wiring.Run(
            new Command("token", "Print a token, alone on the last line.") { name, actor },
            (parsed, run, ct) => PrintTokenAsync(run, parsed.GetRequiredValue(name), parsed.GetValue(actor), ct));
        return new Command("dev", "What only the quickstart has.") { token };
    }

    private static async Task<int> PrintTokenAsync(Invocation run, string name, string? actor, CancellationToken ct)
    {
        var issuer = DevIssuer.Load(run.DataFolder, out var problem);
        if (issuer is null)
            return run.Output.Failed(problem, ExitCodes.Usage);
        var answer = await issuer.RequestTokenAsync(run.Http, name, actor, ct);
        if (answer is not ApiAnswer.Ok ok)
            return run.Output.Failed(answer);
        if (DevIssuer.TokenIn(ok.Body) is not { } token)
            return run.Output.Failed(new ApiAnswer.Unreadable("the development issuer answered without a token"));
        if (run.Output.IsJson)
            run.Output.Json(ok.Body);
        else
            run.Output.Line(token);
        return ExitCodes.Ok;
    }
}
