using System.Globalization;
using JitGrains.Audit;

namespace JitGrains.Runtime.Engine;

/// <summary>What is asked of a segment before it is unpacked: its entries' times, types and mentions. Not thread-safe.</summary>
internal sealed class SegmentFacts
{
    private const string At = "{\"at\":\"";
    private const string Type = ",\"type\":\"";
    private const int TimeLength = 28;

    private readonly List<string> types = [];
    private readonly HashSet<string> mentions = new(StringComparer.Ordinal);
    private readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> seen;

    public SegmentFacts() => seen = mentions.GetAlternateLookup<ReadOnlySpan<char>>();

    public long FromTicks { get; private set; } = long.MaxValue;

    public long ToTicks { get; private set; } = long.MinValue;

    public string Types => $",{string.Join(',', types)},";

    public IReadOnlyCollection<string> Mentions => mentions;

    /// <summary>
    /// Adds an entry's; false where its body does not have the form that they all have. Read without parsing the body: of
    /// what looks like a mention and is none, nothing but a search comes that finds nothing.
    /// </summary>
    public bool TryAdd(AuditEntry entry)
    {
        var body = entry.Body.AsSpan();
        var type = body.LastIndexOf(Type);
        if (!body.StartsWith(At) || type < At.Length + TimeLength
            || !DateTime.TryParseExact(body.Slice(At.Length, TimeLength), "O", CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out var at) || at.Kind != DateTimeKind.Utc)
        {
            return false;
        }

        // A text with an escape in it is not what it looks like.
        if (body.Contains('\\'))
            mentions.UnionWith(AuditFacts.Of(entry).Mentions);
        else
            AddMentions(body);
        AddType(UpToQuote(body[(type + Type.Length)..]));
        FromTicks = Math.Min(FromTicks, at.Ticks);
        ToTicks = Math.Max(ToTicks, at.Ticks);
        return true;
    }

    private void AddType(ReadOnlySpan<char> type)
    {
        foreach (var known in types)
        {
            if (type.SequenceEqual(known))
                return;
        }

        types.Add(type.ToString());
    }

    private void AddMentions(ReadOnlySpan<char> body)
    {
        while (body.IndexOf("\"") is var quote and >= 0)
        {
            body = body[(quote + 1)..];
            if (!body.StartsWith("rq_") && !body.StartsWith("pd_"))
                continue;
            var text = UpToQuote(body);
            if (text.Length is > 3 and <= 128)
                seen.Add(text);
        }
    }

    private static ReadOnlySpan<char> UpToQuote(ReadOnlySpan<char> text) => text.IndexOf('"') is var end and >= 0 ? text[..end] : text;
}
