using System.Text.Json;

namespace JitGrains.Cli.Api;

/// <summary>What came of a call to a server. Closed; <see cref="Output"/> knows how to show each.</summary>
internal abstract record ApiAnswer
{
    private ApiAnswer() { }

    /// <summary>The exit code where the command ends with this answer.</summary>
    public abstract int ExitCode { get; }

    /// <summary>2xx. The body is <see cref="JsonValueKind.Undefined"/> where there was none.</summary>
    public sealed record Ok(JsonElement Body) : ApiAnswer
    {
        public override int ExitCode => ExitCodes.Ok;
    }

    /// <summary>The server said no.</summary>
    public sealed record Refused(Problem Problem, JsonElement Body) : ApiAnswer
    {
        public override int ExitCode => ExitCodes.Refused;
    }

    /// <summary>Something answered that does not speak as JitGrains does.</summary>
    public sealed record Unreadable(string Because) : ApiAnswer
    {
        public override int ExitCode => ExitCodes.Refused;
    }

    /// <summary>Nobody answered.</summary>
    public sealed record Unreachable(string Because) : ApiAnswer
    {
        public override int ExitCode => ExitCodes.Unreachable;
    }

    /// <summary>The command line does not say who calls, or says it in a way that cannot be.</summary>
    public sealed record NotIdentified(string Because) : ApiAnswer
    {
        public override int ExitCode => ExitCodes.Usage;
    }
}

/// <summary>A problem document (RFC 9457); every text in it is the server's, shown escaped.</summary>
internal sealed record Problem
{
    public string? Type { get; init; }

    public required string Title { get; init; }

    public int Status { get; init; }

    public string? Detail { get; init; }

    public string? Field { get; init; }

    /// <summary>What <c>jit login</c> has to ask the provider for, where another sign-in is needed; null otherwise.</summary>
    public string? Login { get; init; }

    /// <summary>When to try again, in seconds or as a date, as the server wrote it.</summary>
    public string? RetryAfter { get; init; }

    /// <summary>The last segment of the type: <c>digest-mismatch</c>.</summary>
    public string Name => Type is null ? "" : Type[(Type.LastIndexOf('/') + 1)..];

    /// <summary>Reads a problem document, or an OAuth error (RFC 6749, section 5.2) as one.</summary>
    public static Problem Read(JsonElement body, int status, string? retryAfter)
    {
        string? Text(string name) =>
            body.ValueKind == JsonValueKind.Object && body.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

        return new Problem
        {
            Type = Text("type"),
            Title = Text("title") ?? Text("error") ?? "Refused",
            Status = status,
            Detail = Text("detail") ?? Text("error_description"),
            Field = Text("field"),
            RetryAfter = retryAfter,
            Login = Text("type")?.EndsWith("/sign-in-needed", StringComparison.Ordinal) == true ? LoginFor(body) : null,
        };
    }

    private static string LoginFor(JsonElement body)
    {
        var acr = string.Join(' ', WireReader.List(body, "acr").Where(a => a.ValueKind == JsonValueKind.String).Select(a => a.GetString()));
        return (WireReader.Shown(body, "max_age_seconds") is { } age ? $" --max-age {age}s" : "") + (acr.Length > 0 ? $" --again --acr '{acr}'" : WireReader.List(body, "amr").Any() ? " --again" : "");
    }
}
