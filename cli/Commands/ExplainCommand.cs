using System.CommandLine;
using System.Text;
using System.Text.Json;
using JitGrains.Cli.Api;
using JitGrains.Identity;

namespace JitGrains.Cli.Commands;

/// <summary><c>jit explain ID</c> and <c>jit explain METHOD URL --as PRINCIPAL</c>: why policy says what it says.</summary>
internal static class ExplainCommand
{
    private const int LargestBody = 1024 * 1024;

    public static Command Build(Wiring wiring)
    {
        var what = new Argument<string>("ID|METHOD") { Description = "An approval request's id, or a call's method." };
        var url = new Argument<string?>("URL") { Description = "The call's address, whole.", Arity = ArgumentArity.ZeroOrOne };
        var principal = wiring.Globals.As;
        var groups = Syntax.Text("--groups", "The groups that principal is in, joined by commas.", "GROUPS");
        var body = Syntax.Text("--body", "The call's JSON body, or @FILE.", "JSON");
        var command = new Command("explain", "Say why policy decided a request, or would decide a call: METHOD URL, with --as for whose call it is.") { what, url, groups, body };
        command.Validators.Add(result =>
        {
            var first = result.GetResult(what)?.Tokens is { Count: > 0 } tokens ? tokens[0].Value : "";
            var isCall = result.GetResult(url) is { Tokens.Count: > 0 };
            if (isCall && result.GetValue(principal) is null)
                result.AddError("--as PRINCIPAL says whose call to explain");
            if (first.Length > 0 && !isCall && !Syntax.IsId(first, "rq_"))
                result.AddError($"'{first}' is not an approval request's id, and without a URL it is no call");
            if (!isCall && (result.GetResult(groups) ?? result.GetResult(body)) is not null)
                result.AddError("--groups and --body go with METHOD URL");
        });
        return wiring.Run(command, async (parsed, run, ct) =>
        {
            if (parsed.GetValue(url) is not { } address)
                return Show(run, await run.Control.GetAsync($"/api/v1/explain/{parsed.GetRequiredValue(what)}", ct));
            if (!TryReadCall(run, parsed.GetRequiredValue(what), address, parsed.GetRequiredValue(principal)!, parsed.GetValue(groups), parsed.GetValue(body), out var call, out var problem))
                return run.Output.Failed(problem, ExitCodes.Usage);
            return Show(run, await AskAsync(run, call, ct));
        }, asIsSubject: parsed => parsed.GetValue(url) is not null);
    }

    private static async Task<ApiAnswer> AskAsync(Invocation run, CallToExplain call, CancellationToken ct)
    {
        // In the quickstart everybody's tokens are at hand, and everybody may ask about themselves.
        var asker = run.Identity.IsGiven || call.Principal.Realm != DevIssuer.Realm || !DevIssuer.IsIn(run.DataFolder)
            ? run.Identity
            : run.Identity.WithName(call.Principal.Name);
        var body = new ExplainBody(call.Method, call.Url.OriginalString, call.Principal.Value, call.Groups, call.Body);
        return await run.ControlAs(asker).PostAsync("/api/v1/explain", body, ct);
    }

    private static int Show(Invocation run, ApiAnswer answer)
    {
        if (answer is not ApiAnswer.Ok ok)
            return run.Output.Failed(answer);
        if (run.Output.IsJson)
            run.Output.Json(ok.Body);
        else
            run.Output.Outline(ok.Body);
        return ExitCodes.Ok;
    }

    private static bool TryReadCall(
        Invocation run, string method, string url, string principal, string? groups, string? bodyText, out CallToExplain call, out string problem)
    {
        call = null!;
        if (!SafeText.IsToken(method))
        {
            problem = "METHOD: an HTTP method, such as POST";
            return false;
        }

        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
        {
            problem = "URL: written whole, such as http://127.0.0.1:8080/orders/42/refunds";
            return false;
        }

        if (!run.TryParsePrincipal(principal, out var who, out problem))
        {
            problem = $"--as: {problem}";
            return false;
        }

        JsonElement? body = null;
        if (bodyText is not null)
        {
            body = ReadBody(run, bodyText, out problem);
            if (body is null)
                return false;
        }

        string[]? named = groups?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(g => g.Contains(':', StringComparison.Ordinal) ? g : $"{who.Realm}:{g}")
            .ToArray();
        call = new CallToExplain(method, uri, who, named, body);
        return true;
    }

    private static JsonElement? ReadBody(Invocation run, string text, out string problem)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        if (text.StartsWith('@'))
        {
            var read = InputFiles.Read(run.Host.FullPath(text[1..]), LargestBody, out problem);
            if (read is null)
            {
                problem = $"--body: {problem}";
                return null;
            }

            bytes = read;
        }

        try
        {
            using var document = JsonDocument.Parse(bytes);
            problem = "";
            return document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            problem = $"--body: not JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1})";
            return null;
        }
    }

    /// <summary>A call that nobody makes.</summary>
    internal sealed record CallToExplain(string Method, Uri Url, PrincipalId Principal, string[]? Groups, JsonElement? Body);

    private sealed record ExplainBody(string Method, string Url, string Principal, string[]? Groups, JsonElement? Body);
}
