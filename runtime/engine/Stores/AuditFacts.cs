using System.Text.Json;
using JitGrains.Audit;

namespace JitGrains.Runtime.Engine;

/// <summary>What the stores index of an audit entry. The body itself is stored byte for byte.</summary>
/// <param name="Type">The entry's type.</param>
/// <param name="At">When it was made.</param>
/// <param name="Mentions">
/// Request ids and personal digests among the values of its data, each once; not the resource's, by which nobody looks for entries.
/// </param>
internal readonly record struct AuditFacts(string Type, DateTimeOffset At, IReadOnlyCollection<string> Mentions)
{
    /// <summary>Reads a body; one that is no entry is a bug of its maker, and throws.</summary>
    public static AuditFacts Of(AuditEntry entry)
    {
        using var document = JsonDocument.Parse(entry.Body);
        var root = document.RootElement;
        var mentions = new HashSet<string>(StringComparer.Ordinal);
        if (root.TryGetProperty("data", out var data))
            Collect(data, mentions);
        return new AuditFacts(root.GetProperty("type").GetString()!, root.GetProperty("at").GetDateTimeOffset(), mentions);
    }

    private static void Collect(JsonElement element, HashSet<string> mentions)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var property in element.EnumerateObject())
                {
                    if (!property.NameEquals("resource"u8))
                        Collect(property.Value, mentions);
                }

                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                    Collect(item, mentions);
                break;
            case JsonValueKind.String when element.GetString() is { Length: > 3 and <= 128 } text && (text.StartsWith("rq_", StringComparison.Ordinal) || text.StartsWith("pd_", StringComparison.Ordinal)):
                mentions.Add(text);
                break;
            default:
                break;
        }
    }
}
