using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace JitGrains.Gateway.Forwarding.Lines;

/// <summary>
/// The head of an upstream's answer (RFC 9112 sections 4 and 5), read strictly: what two readers could take for two things is no
/// answer. One for each connection, and read anew for each answer: texts that are the same as the time before are not made anew, and a
/// head that is the same in every byte says what it said. Not thread-safe.
/// </summary>
internal sealed class ResponseHead
{
    /// <summary>Longest one, in bytes, with everything before it that is passed over.</summary>
    public const int MaxLength = 64 * 1024;

    private const int MostKnown = 64;

    /// <summary>Longest one that is kept to be compared with the next.</summary>
    private const int MostKept = 512;

    private static readonly SearchValues<byte> Token = SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);

    /// <summary>What no text may hold: controls, but for tabs.</summary>
    private static readonly SearchValues<byte> Controls = SearchValues.Create([.. Enumerable.Range(0, 32).Where(b => b != '\t').Select(b => (byte)b), 127]);

    private readonly List<Known> known = [];
    private readonly List<KeyValuePair<string, string>> headers = [];
    private readonly byte[] last = new byte[MostKept];
    private int lastLength;

    /// <summary>The status.</summary>
    public int Status { get; private set; }

    /// <summary>The reason phrase; null where it is the status' usual one.</summary>
    public string? Reason { get; private set; }

    /// <summary>How many bytes its body has, where that is said.</summary>
    public long? Length { get; private set; }

    /// <summary>Whether its body comes in chunks.</summary>
    public bool IsChunked { get; private set; }

    /// <summary>Whether nothing follows it on the connection.</summary>
    public bool IsLast { get; private set; }

    /// <summary>What it says, but for framing and what is about the connection alone; in order.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers => headers;

    /// <summary>Reads a head, with the empty line at its end; false where it is none.</summary>
    public bool TryRead(ReadOnlySpan<byte> head)
    {
        if (lastLength > 0 && head.SequenceEqual(last.AsSpan(0, lastLength)))
            return true;
        lastLength = 0;
        if (!TryReadAnew(head))
            return false;
        if (head.TryCopyTo(last))
            lastLength = head.Length;
        return true;
    }

    private bool TryReadAnew(ReadOnlySpan<byte> head)
    {
        headers.Clear();
        (Length, IsChunked) = (null, false);
        var end = head.IndexOf("\r\n"u8);
        if (end < 0 || !TryReadStatus(head[..end]))
            return false;
        head = head[(end + 2)..];
        for (var n = 0; ; n++)
        {
            end = head.IndexOf("\r\n"u8);
            if (end < 0)
                return false;
            if (end == 0)
                return head.Length == 2 && !(IsChunked && (Length is not null || IsOldVersion));
            if (!TryReadField(n, head[..end]))
                return false;
            head = head[(end + 2)..];
        }
    }

    private bool IsOldVersion { get; set; }

    private bool TryReadStatus(ReadOnlySpan<byte> line)
    {
        // HTTP/1.1 200 OK
        if (line.Length < 12 || !line.StartsWith("HTTP/1."u8) || line[7] is not ((byte)'0' or (byte)'1') || line[8] != ' '
            || !Utf8Parser.TryParse(line.Slice(9, 3), out int status, out var digits) || digits != 3 || status < 100
            || (line.Length > 12 && line[12] != ' ') || line.ContainsAny(Controls))
        {
            return false;
        }

        IsOldVersion = line[7] == '0';
        // What an older server means by keeping a connection is not taken up.
        IsLast = IsOldVersion;
        Status = status;
        var reason = line.Length > 13 ? line[13..] : [];
        var usual = Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(status);
        Reason = Ascii.Equals(reason, usual) ? null : Encoding.Latin1.GetString(reason);
        return true;
    }

    /// <summary>A line of a field: its name and its value; false where it is none.</summary>
    public static bool TrySplit(ReadOnlySpan<byte> line, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        name = value = default;
        var colon = line.IndexOf((byte)':');
        // A folded line begins with white space, which no name does.
        if (colon <= 0 || line[..colon].ContainsAnyExcept(Token))
            return false;
        name = line[..colon];
        value = Trim(line[(colon + 1)..]);
        return !value.ContainsAny(Controls);
    }

    private bool TryReadField(int n, ReadOnlySpan<byte> line)
    {
        if (!TrySplit(line, out var name, out var value))
            return false;
        if (n == known.Count && n < MostKnown)
            known.Add(new Known());
        var field = n < known.Count ? known[n] : new Known();
        field.Take(name, value);
        switch (field.Meaning)
        {
            case FieldMeaning.Passed:
                headers.Add(new(field.Name, field.Value));
                return true;
            case FieldMeaning.Length:
                // Once, digits alone: two lengths are two answers.
                if (Length is not null || value.IsEmpty || value.Length > 18 || value.ContainsAnyExceptInRange((byte)'0', (byte)'9') || !Utf8Parser.TryParse(value, out long length, out _))
                    return false;
                Length = length;
                return true;
            case FieldMeaning.Encoding:
                if (IsChunked || !Ascii.EqualsIgnoreCase(value, "chunked"))
                    return false;
                return IsChunked = true;
            case FieldMeaning.Connection:
                IsLast |= Ends(value);
                return true;
            default:
                return true;
        }
    }

    private static bool Ends(ReadOnlySpan<byte> options)
    {
        foreach (var option in options.Split((byte)','))
        {
            if (Ascii.EqualsIgnoreCase(Trim(options[option]), "close"))
                return true;
        }

        return false;
    }

    private static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> text) => text.Trim(" \t"u8);

    /// <summary>A field in this place of the answer before.</summary>
    private sealed class Known
    {
        private byte[] name = [];
        private byte[] value = [];

        public string Name { get; private set; } = "";

        public string Value { get; private set; } = "";

        public FieldMeaning Meaning { get; private set; }

        public void Take(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
        {
            if (!name.SequenceEqual(this.name))
            {
                this.name = name.ToArray();
                Name = Encoding.ASCII.GetString(name);
                Meaning = FieldMeanings.Of(Name);
            }

            if (!value.SequenceEqual(this.value))
            {
                // What is large is not kept for the next one.
                this.value = value.Length <= 1024 ? value.ToArray() : [];
                Value = Encoding.Latin1.GetString(value);
            }
            else if (value.IsEmpty)
            {
                Value = "";
            }
        }
    }
}
