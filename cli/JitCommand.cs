using System.CommandLine;
using System.CommandLine.Invocation;
using JitGrains.Cli.Commands;

namespace JitGrains.Cli;

/// <summary>The <c>jit</c> command line: parses, runs and turns what happened into an exit code.</summary>
internal static class JitCommand
{
    public static async Task<int> RunAsync(IReadOnlyList<string> args, CliHost host, CancellationToken ct = default)
    {
        var parsed = Build(host).Parse(args, new ParserConfiguration
        {
            EnablePosixBundling = false,
            // '@file' is a value here (--body @refund.json), never a file of more arguments.
            ResponseFileTokenReplacer = null,
        });
        if (parsed.Action is ParseErrorAction || (parsed.Action is null && parsed.Errors.Count > 0))
            return ShowUsageErrors(parsed, host);
        try
        {
            return await parsed.InvokeAsync(
                new InvocationConfiguration { Output = host.Out, Error = host.Error, EnableDefaultExceptionHandler = false },
                ct);
        }
        catch (OperationCanceledException)
        {
            host.Error.WriteLine("jit: stopped");
            return ExitCodes.Refused;
        }
        catch (Exception e)
        {
            host.Error.WriteLine($"jit: this is a bug in jit: {e.GetType().Name}: {SafeDisplay.Line(e.Message)}");
            return ExitCodes.Refused;
        }
    }

    private static RootCommand Build(CliHost host)
    {
        var globals = new Globals();
        var root = new RootCommand("Just-in-time approvals: ask, approve, deny, use, revoke, audit.");
        root.Directives.Clear();
        foreach (var option in globals.All)
            root.Options.Add(option);
        var wiring = new Wiring(globals, host);
        IEnumerable<Command> commands =
        [
            RequestListCommand.Build(wiring), RequestCommand.Build(wiring), ShowCommand.Build(wiring, "show"),
            .. VoteCommands.Build(wiring), CancelCommand.Build(wiring),
            .. GrantCommands.Build(wiring), RevokeCommand.Build(wiring), .. BlockCommands.Build(wiring), KeyCommands.Build(wiring),
            WhoamiCommand.Build(wiring), .. LoginCommands.Build(wiring), AuditCommands.Build(wiring), PolicyCommands.Build(wiring), ExplainCommand.Build(wiring),
            DevCommands.Build(wiring),
        ];
        foreach (var command in commands)
            root.Subcommands.Add(command);
        return root;
    }

    private static int ShowUsageErrors(ParseResult parsed, CliHost host)
    {
        foreach (var error in parsed.Errors.Select(e => e.Message).Distinct(StringComparer.Ordinal))
            host.Error.WriteLine($"jit: {SafeDisplay.Line(error)}");
        host.Error.WriteLine($"  See `{CommandPath(parsed)} --help`.");
        return ExitCodes.Usage;
    }

    private static string CommandPath(ParseResult parsed)
    {
        var names = new Stack<string>();
        for (var at = parsed.CommandResult; at is not null; at = at.Parent as System.CommandLine.Parsing.CommandResult)
            names.Push(at.Command is RootCommand ? "jit" : at.Command.Name);
        return string.Join(' ', names);
    }
}
