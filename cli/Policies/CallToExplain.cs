using System.Text;
using System.Text.Json;
using JitGrains.Http;
using JitGrains.Identity;
using JitGrains.Policy;

namespace JitGrains.Cli.Policies;

/// <summary>A call that nobody makes, as <c>jit explain</c> was told of it.</summary>
internal sealed record CallToExplain
{
    private const int LargestBody = 1024 * 1024;

    public required string Method { get; init; }

    public required string Url { get; init; }

    public required PrincipalId Principal { get; init; }

    /// <summary>Qualified; null where the line does not say.</summary>
    public string[]? Groups { get; init; }

    public JsonElement? Body { get; init; }

    /// <summary>The body's bytes as given: conditions see what an upstream would.</summary>
    public ReadOnlyMemory<byte> BodyBytes { get; init; }

    /// <summary>What the command line says, read; null with the problem where it makes no sense.</summary>
    /// <param name="host">Where files are.</param>
    /// <param name="line">Method, URL, principal, groups and body as typed.</param>
    /// <param name="realm">The realm of principals and groups written without one, or null.</param>
    /// <param name="problem">What is wrong.</param>
    public static CallToExplain? Read(CliHost host, Line line, string? realm, out string problem)
    {
        if (!SafeText.IsToken(line.Method) || PolicyProbe.TryReadRequest($"{line.Method} {line.Url}") is null || line.Url.StartsWith('/'))
        {
            problem = "METHOD URL: written like POST http://127.0.0.1:8080/orders/42/refunds";
            return null;
        }

        if (!Syntax.TryParsePrincipal(line.Principal, realm, out var principal, out problem))
        {
            problem = $"--as: {problem}";
            return null;
        }

        ReadOnlyMemory<byte> bytes = default;
        JsonElement? body = null;
        if (line.Body is not null)
        {
            var given = ReadBody(host, line.Body, out problem);
            if (given is null)
                return null;
            (bytes, body) = given.Value;
        }

        return new CallToExplain
        {
            Method = line.Method,
            Url = line.Url,
            Principal = principal,
            Groups = line.Groups?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Select(g => g.Contains(':', StringComparison.Ordinal) ? g : $"{principal.Realm}:{g}")
                .ToArray(),
            Body = body,
            BodyBytes = bytes,
        };
    }

    /// <summary>The call as a policy is asked about it.</summary>
    public PolicyProbe ToProbe(DateTimeOffset now) => new()
    {
        Caller = new Caller
        {
            Principal = Principal,
            Groups = [.. Groups ?? []],
            TokenIssuedAt = now,
            TokenExpiresAt = DateTimeOffset.MaxValue,
        },
        Request = PolicyProbe.TryReadRequest(
            $"{Method} {Url}",
            headers: Body is null ? [] : [new HeaderLine("Content-Type", "application/json"), new HeaderLine("Content-Length", $"{BodyBytes.Length}")])!,
        Body = BodyBytes,
        Now = now,
    };

    private static (ReadOnlyMemory<byte> Bytes, JsonElement Json)? ReadBody(CliHost host, string text, out string problem)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        problem = "";
        if (text.StartsWith('@'))
        {
            var read = InputFiles.Read(host.FullPath(text[1..]), LargestBody, out problem);
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
            return (bytes, document.RootElement.Clone());
        }
        catch (JsonException e)
        {
            problem = $"--body: not JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1})";
            return null;
        }
    }

    /// <summary>What was typed.</summary>
    internal sealed record Line(string Method, string Url, string Principal, string? Groups, string? Body);
}
