using System.Text.Encodings.Web;
using System.Text.Json;
using JitGrains.Cli.Api;
using JitGrains.Json;
using Spectre.Console;

namespace JitGrains.Cli;

/// <summary>
/// All that <c>jit</c> prints. Every text is escaped here (<see cref="SafeDisplay"/>), and none is read as markup, so
/// that no command can forget it. Answers go to standard output, what went wrong to standard error.
/// </summary>
internal sealed class Output(CliHost host, bool json)
{
    // Everything beyond ASCII is escaped in JSON: the same data for a program, and nothing a terminal would act on.
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.Default };

    /// <summary>Whether the server's JSON is wanted instead of text.</summary>
    public bool IsJson => json;

    public void Line(string text = "") => host.Out.WriteLine(SafeDisplay.Line(text));

    /// <summary>A note beside the answer: not part of what a script reads.</summary>
    public void Note(string text) => host.Error.WriteLine(SafeDisplay.Line(text));

    public void Json(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Undefined)
            host.Out.WriteLine(JsonSerializer.Serialize(value, Indented));
    }

    /// <summary>A value of ours, in the wire's form.</summary>
    public void Json<T>(T value)
        where T : class => Json(JsonSerializer.SerializeToElement(value, JitJson.Options));

    /// <summary>A document of ours, as it is.</summary>
    public void Document(string text) => host.Out.Write(text);

    /// <summary>Names and values in two columns; those without a value are left out.</summary>
    public void Fields(params IEnumerable<(string Name, string? Value)> fields)
    {
        var shown = fields.Where(f => !string.IsNullOrEmpty(f.Value)).ToList();
        var width = shown.Count == 0 ? 0 : shown.Max(f => f.Name.Length);
        foreach (var (name, value) in shown)
            Line($"  {name.PadRight(width)}  {value}");
    }

    /// <summary>Text of several lines, each marked, so that it cannot pass for ours.</summary>
    public void Quoted(string text)
    {
        foreach (var line in SafeDisplay.Lines(text))
            host.Out.WriteLine($"  | {line}");
    }

    /// <summary>A table on a terminal, tab-separated lines under a line of names otherwise.</summary>
    public void Table(IReadOnlyList<string> columns, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        if (!host.OutputIsTerminal)
        {
            host.Out.WriteLine(string.Join('\t', columns));
            foreach (var row in rows)
                host.Out.WriteLine(string.Join('\t', row.Select(SafeDisplay.Line)));
            return;
        }

        var table = new Table().Border(TableBorder.Minimal);
        foreach (var column in columns)
            table.AddColumn(new TableColumn(new Text(column)) { NoWrap = column == "ID" });
        foreach (var row in rows)
            table.AddRow(row.Select(cell => new Text(SafeDisplay.Line(cell))));
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(host.Out),
        });
        console.Profile.Width = host.Width;
        console.Write(table);
    }

    /// <summary>Any JSON as an indented outline: for answers whose fields are the server's to choose.</summary>
    public void Outline(JsonElement value, int depth = 0)
    {
        var indent = new string(' ', 2 * depth);
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var property in value.EnumerateObject())
                    OutlineItem($"{indent}{property.Name.Replace('_', ' ')}:", property.Value, depth);
                break;
            case JsonValueKind.Array:
                foreach (var item in value.EnumerateArray())
                    OutlineItem($"{indent}-", item, depth);
                break;
            default:
                Line(indent + Scalar(value));
                break;
        }
    }

    /// <summary>Shows an answer that ends the command.</summary>
    /// <returns>The exit code.</returns>
    public int Failed(ApiAnswer answer)
    {
        switch (answer)
        {
            case ApiAnswer.Refused refused:
                if (json)
                    Json(refused.Body);
                Show(refused.Problem);
                break;
            case ApiAnswer.Unreachable unreachable:
                Note($"jit: {unreachable.Because}");
                Note("  Is it running? `dotnet run --project gateway` starts the quickstart; --gateway and --control say where servers are.");
                break;
            case ApiAnswer.Unreadable unreadable:
                Note($"jit: {unreadable.Because}");
                break;
            case ApiAnswer.NotIdentified nobody:
                Note($"jit: {nobody.Because}");
                break;
            default:
                break;
        }

        return answer.ExitCode;
    }

    /// <summary>Shows why the command ends.</summary>
    /// <returns>The exit code, as given.</returns>
    public int Failed(string because, int exitCode = ExitCodes.Refused)
    {
        Note($"jit: {because}");
        return exitCode;
    }

    private void Show(Problem problem)
    {
        Note($"jit: {problem.Title} ({problem.Status})");
        if (problem.Detail is not null)
            Note($"  {problem.Detail}");
        if (problem.Field is not null)
            Note($"  field: {problem.Field}");
        if (problem.Login is { } login)
            Note($"  sign in again: jit login{login}");
        if (problem.RetryAfter is not null)
            Note($"  retry after: {(problem.RetryAfter.All(char.IsAsciiDigit) ? problem.RetryAfter + " s" : problem.RetryAfter)}");
        if (problem.Type is not null)
            Note($"  type: {problem.Type}");
    }

    private void OutlineItem(string head, JsonElement value, int depth)
    {
        if (value.ValueKind is JsonValueKind.Object or JsonValueKind.Array)
        {
            var isEmpty = value.ValueKind == JsonValueKind.Object ? !value.EnumerateObject().Any() : value.GetArrayLength() == 0;
            Line(isEmpty ? $"{head} (none)" : head);
            Outline(value, depth + 1);
        }
        else
        {
            Line($"{head} {Scalar(value)}");
        }
    }

    private static string Scalar(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString() ?? "",
        JsonValueKind.True => "yes",
        JsonValueKind.False => "no",
        JsonValueKind.Null or JsonValueKind.Undefined => "-",
        _ => value.GetRawText(),
    };
}
