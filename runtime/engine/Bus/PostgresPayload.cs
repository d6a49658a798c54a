using System.Text.Encodings.Web;
using System.Text.Json;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// Bus messages as the texts of notifications: <c>[sender, topic, key, data, topic, key, data...]</c>, as many to a text as
/// PostgreSQL takes.
/// </summary>
internal static class PostgresPayload
{
    /// <summary>The channel that every process listens to.</summary>
    public const string Channel = "jitgrains";

    /// <summary>The channel of one process, or the one of all.</summary>
    public static string ChannelOf(string? process) => process is null ? Channel : $"{Channel}_{process}";

    // PostgreSQL takes less than 8,000 bytes.
    private const int MaxBytes = 7_900;

    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string[] Print(string sender, IEnumerable<BusMessage> messages, out int tooLong)
    {
        tooLong = 0;
        var texts = new List<string>();
        var head = $"[\"{sender}\"";
        var text = new System.Text.StringBuilder(head);
        var bytes = head.Length;
        foreach (var message in messages.Distinct())
        {
            var part = string.Concat(
                ",", JsonSerializer.Serialize(message.Topic, Plain), ",", JsonSerializer.Serialize(message.Key, Plain), ",", JsonSerializer.Serialize(message.Data, Plain));
            var length = System.Text.Encoding.UTF8.GetByteCount(part);
            if (head.Length + length >= MaxBytes)
            {
                tooLong++;
                continue;
            }

            if (bytes + length >= MaxBytes)
            {
                texts.Add(text.Append(']').ToString());
                text.Clear().Append(head);
                bytes = head.Length;
            }

            text.Append(part);
            bytes += length;
        }

        if (bytes > head.Length)
            texts.Add(text.Append(']').ToString());
        return [.. texts];
    }

    /// <summary>The messages of a text that somebody else has sent. Anybody with a login can send anything: what is none is passed over.</summary>
    public static IReadOnlyList<BusMessage> Read(string self, string text)
    {
        string?[]? parts;
        try
        {
            parts = JsonSerializer.Deserialize<string?[]>(text);
        }
        catch (JsonException)
        {
            return [];
        }

        if (parts is null || parts.Length % 3 != 1 || parts[0] == self)
            return [];
        var messages = new List<BusMessage>();
        for (var i = 1; i < parts.Length; i += 3)
        {
            if (parts[i] is { } topic && parts[i + 1] is { } key)
                messages.Add(new BusMessage(topic, key, parts[i + 2]));
        }

        return messages;
    }
}
