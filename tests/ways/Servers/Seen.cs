using System.Text.Json;
using System.Text.Json.Serialization;

namespace JitGrains.WaysTests.Servers;

/// <summary>What an upstream says it received.</summary>
/// <param name="Case">The values of <c>X-Case</c>.</param>
/// <param name="Method">The method it read.</param>
/// <param name="Host">The host it read.</param>
/// <param name="Target">The target it read.</param>
/// <param name="Ideas">Each way in which such a server takes a URL for one of its actions.</param>
/// <param name="Env">Every value that it may take for the query parameter <c>env</c>.</param>
/// <param name="Header">Every value that it may take for the header <c>X-Env</c>.</param>
/// <param name="Amounts">Every number that it may take for the body's <c>amount</c>.</param>
/// <param name="Forwarded">Every value that it may take for <c>X-Forwarded-Host</c>.</param>
/// <param name="Own">Names of headers that only the gateway may give.</param>
internal sealed record Seen(
    string Case, string Method, string Host, string Target, IReadOnlyList<Idea> Ideas, IReadOnlyList<string> Env, IReadOnlyList<string> Header,
    IReadOnlyList<string> Amounts, IReadOnlyList<string> Forwarded, IReadOnlyList<string> Own)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { RespectRequiredConstructorParameters = true };

    public static Seen Parse(string line) => JsonSerializer.Deserialize<Seen>(line, Json)!;
}

/// <summary>One way of reading: the action it comes to (or <c>none</c>), and what the path captured.</summary>
internal sealed record Idea([property: JsonPropertyName("idea")] string Name, string Route, string Resource);
