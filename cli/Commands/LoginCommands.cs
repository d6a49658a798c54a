using System.CommandLine;
using JitGrains.Cli.Api;
using JitGrains.Cli.Login;

namespace JitGrains.Cli.Commands;

/// <summary><c>jit login</c> and <c>jit logout</c>.</summary>
internal static class LoginCommands
{
    public static IEnumerable<Command> Build(Wiring wiring) => [Login(wiring), Logout(wiring)];

    private static Command Login(Wiring wiring)
    {
        var realm = Syntax.Text("--realm", "Where to sign in, where the control plane has several providers.", "NAME");
        var maxAge = Syntax.Duration("--max-age", "Have the provider ask you unless it has within this time.");
        var acr = Syntax.Text("--acr", "The class of authentication to ask the provider for; several with spaces.", "VALUES");
        var again = new Option<bool>("--again") { Description = "Have the provider ask you in any case." };
        var noBrowser = new Option<bool>("--no-browser") { Description = "Only print the address." };
        return wiring.Run(new Command("login", "Sign in with your browser; later commands call in your name.") { realm, maxAge, acr, again, noBrowser }, async (parsed, run, ct) =>
        {
            var store = new LoginStore(run.Host);
            if (store.FilePath is null)
                return run.Output.Failed("there is no home folder to keep the login in (HOME, or XDG_CONFIG_HOME)");
            var wish = new LoginWish(parsed.GetValue(realm), parsed.GetValue(maxAge), parsed.GetValue(acr), parsed.GetValue(again), !parsed.GetValue(noBrowser));
            var (login, exitCode) = await new LoginFlow(run).SignInAsync(wish, ct);
            if (login is null)
                return exitCode;
            // Asked first: what the control plane does not take is not kept.
            var me = await run.ControlAs(run.Identity.WithToken(login.Token)).GetAsync("/api/v1/me", ct);
            if (me is not ApiAnswer.Ok ok)
                return run.Output.Failed(me);
            store.Save(login);
            if (run.Output.IsJson)
                run.Output.Json(ok.Body);
            else
                run.Output.Line($"Signed in as {WireReader.Text(ok.Body, "principal")}.");
            return ExitCodes.Ok;
        });
    }

    private static Command Logout(Wiring wiring)
    {
        var all = new Option<bool>("--all") { Description = "Forget every login, not only the one for this control plane." };
        return wiring.Run(new Command("logout", "Forget the login. (The provider is not told: it may still know you.)") { all }, (parsed, run, _) =>
        {
            var gone = new LoginStore(run.Host).Forget(parsed.GetValue(all) ? null : run.ControlAddress);
            run.Output.Line(gone.Count == 0 ? "There was no login." : $"Forgotten: {string.Join(", ", gone.Select(l => l.Control))}");
            return Task.FromResult(ExitCodes.Ok);
        });
    }
}
