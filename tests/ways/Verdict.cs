using System.Globalization;
using JitGrains.WaysTests.Servers;

namespace JitGrains.WaysTests;

/// <summary>
/// The rule: what the upstream says it received is the action that policy decided on. By each of its ideas, with the same resource,
/// and with nothing that a deny rule would have stopped.
/// </summary>
internal static class Verdict
{
    /// <summary>What is wrong, nothing where all is well.</summary>
    public static IEnumerable<string> Of(Decided decided, Seen seen)
    {
        foreach (var idea in seen.Ideas)
        {
            if (idea.Route != decided.Action)
                yield return $"received as {idea.Route} by its idea '{idea.Name}'";
            else if (Encoded(idea.Resource) != WithoutSlash(decided.Resource))
                yield return $"received for '{idea.Resource}' by its idea '{idea.Name}'";
        }

        // A WebSocket over HTTP/2 begins with CONNECT (RFC 8441), over HTTP/1.1 with GET.
        if (seen.Method != decided.Method && (seen.Method, decided.Method) != ("GET", "CONNECT"))
            yield return $"received as method {seen.Method}";
        if (decided.Action == "search" && seen.Env.Any(IsProduction))
            yield return "received with env=prod";
        if (decided.Action == "env" && seen.Header.Any(h => h.Split(',').Any(IsProduction)))
            yield return "received with X-Env: prod";
        if (decided.Action == "orders.refund" && seen.Amounts.Any(a => !double.TryParse(a, NumberStyles.Float, CultureInfo.InvariantCulture, out var amount) || !(amount <= 100)))
            yield return $"received with the amount {string.Join(" and ", seen.Amounts)}";
        if (seen.Forwarded is not [var host] || host.Split(':')[0] != "api.test")
            yield return $"received for the host '{string.Join("' and '", seen.Forwarded)}'";
        if (seen.Own.Count > 0)
            yield return $"received with {string.Join(", ", seen.Own)}, which only the gateway may say";
    }

    /// <summary>A resource as the gateway writes it: what a parameter captured with everything encoded that could be encoded (RFC 3986).</summary>
    private static string Encoded(string resource) => resource.Split('=', 2) is [var name, var value] ? $"{name}={Uri.EscapeDataString(value.TrimEnd('/'))}" : resource;

    /// <summary>What is left of a path's rest may end in a slash; servers differ on whether that means anything.</summary>
    private static string WithoutSlash(string resource) => resource.EndsWith("%2F", StringComparison.Ordinal) ? resource[..^3] : resource;

    private static bool IsProduction(string value) => value.Trim().Equals("prod", StringComparison.OrdinalIgnoreCase);
}
