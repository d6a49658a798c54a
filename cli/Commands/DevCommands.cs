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
        var actors = new Option<string[]>("--act")
        {
            Description = "Who acts for NAME, such as agent:triage-bot (RFC 8693); several with the nearest to the call first.",
            HelpName = "KIND:NAME",
        };
        actors.Validators.Add(result =>
        {
            if (result.Tokens.Any(t => !PrincipalId.TryParse(t.Value, DevIssuer.Realm, out var id, out _) || !SafeText.IsKnownKind(id.Kind)))
                result.AddError("--act: written KIND:NAME, such as agent:triage-bot; kinds are user, service, agent, key");
        });
        var token = wiring.Run(
            new Command("token", "Print a token, alone on the last line.") { name, actors },
            (parsed, run, ct) => PrintTokenAsync(run, parsed.GetRequiredValue(name), parsed.GetValue(actors) ?? [], ct));
        return new Command("dev", "What only the quickstart has.") { token };
    }

    private static async Task<int> PrintTokenAsync(Invocation run, string name, string[] actors, CancellationToken ct)
    {
        var issuer = DevIssuer.Load(run.DataFolder, out var problem);
        if (issuer is null)
            return run.Output.Failed(problem, ExitCodes.Usage);
        var answer = await issuer.RequestTokenAsync(run.Http, name, actors, ct);
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
