using System.CommandLine;

namespace JitGrains.Cli;

/// <summary>Joins a command's syntax to what it does.</summary>
internal sealed class Wiring(Globals globals, CliHost host)
{
    /// <summary>The options of every command.</summary>
    public Globals Globals => globals;

    /// <summary>Runs the body with the global options read; a problem with those is a usage error.</summary>
    /// <param name="command">The command.</param>
    /// <param name="body">What it does; returns the exit code.</param>
    /// <param name="asIsSubject">Whether <c>--as</c> is what the command is about, and not who calls.</param>
    public Command Run(
        Command command, Func<ParseResult, Invocation, CancellationToken, Task<int>> body, Func<ParseResult, bool>? asIsSubject = null)
    {
        command.SetAction(async (parsed, ct) =>
        {
            using var invocation = Invocation.Begin(parsed, globals, host, asIsSubject?.Invoke(parsed) ?? false, out var problem);
            if (invocation is not null)
                return await body(parsed, invocation, ct);
            host.Error.WriteLine($"jit: {SafeDisplay.Line(problem)}");
            return ExitCodes.Usage;
        });
        return command;
    }
}
