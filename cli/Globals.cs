using System.CommandLine;

namespace JitGrains.Cli;

/// <summary>The options that every command takes, and what they come to.</summary>
internal sealed class Globals
{
    public Option<string?> As { get; } = new("--as")
    {
        Description = "Call in this name, by a token of the quickstart's development issuer (or JIT_AS).",
        HelpName = "NAME",
        Recursive = true,
    };

    public Option<string?> Token { get; } = new("--token")
    {
        Description = "Call with this token (or JIT_TOKEN, which other users of the machine cannot see).",
        HelpName = "JWT",
        Recursive = true,
    };

    public Option<string?> Gateway { get; } = Server("--gateway", $"The gateway (or JIT_GATEWAY; default {Invocation.DefaultGateway}).");

    public Option<string?> Control { get; } = Server("--control", $"The control plane (or JIT_CONTROL; default {Invocation.DefaultControl}).");

    public Option<string?> Data { get; } = new("--data")
    {
        Description = "The quickstart's data folder (or JITGRAINS__DATA; default ./data).",
        HelpName = "DIR",
        Recursive = true,
    };

    public Option<bool> Json { get; } = new("--json")
    {
        Description = "Print the server's JSON.",
        Recursive = true,
    };

    public IEnumerable<Option> All => [As, Token, Gateway, Control, Data, Json];

    private static Option<string?> Server(string name, string description)
    {
        var option = new Option<string?>(name) { Description = description, HelpName = "URL", Recursive = true };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && !ServerAddress.TryParse(result.Tokens[0].Value, out _, out var problem))
                result.AddError($"{name}: {problem}");
        });
        return option;
    }
}
