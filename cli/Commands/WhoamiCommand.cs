using System.CommandLine;
using JitGrains.Cli.Api;

namespace JitGrains.Cli.Commands;

/// <summary><c>jit whoami</c>: who the gateway takes one for.</summary>
internal static class WhoamiCommand
{
    public static Command Build(Wiring wiring) =>
        wiring.Run(new Command("whoami", "Show who the gateway takes you for."), async (_, run, ct) =>
        {
            var answer = await run.Gateway.GetAsync("/.jit/whoami", ct);
            if (answer is not ApiAnswer.Ok ok)
                return run.Output.Failed(answer);
            if (run.Output.IsJson)
                run.Output.Json(ok.Body);
            else
                run.Output.Outline(ok.Body);
            return ExitCodes.Ok;
        });
}
