using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using JitGrains.Json;

namespace JitGrains.Audit;

/// <summary>
/// The bodies of entries, in one piece of memory. A field that says what the same field of the entry before said, or has its name,
/// is copied from there: most of what gateways write is the same again. Not thread-safe.
/// </summary>
internal sealed class RunBodies
{
    private static readonly SearchValues<char> Plain = SearchValues.Create([.. Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (char)c).Where(c => c is not ('"' or '\\'))]);

    private readonly ArrayBufferWriter<byte> scratch = new(256);
    private byte[] bytes = new byte[64 * 1024];
    private Said[] said = new Said[24];
    private int next;

    /// <summary>How many bytes there are.</summary>
    public int Length { get; private set; }

    /// <summary>All of them.</summary>
    public ReadOnlySpan<byte> Written => bytes.AsSpan(0, Length);

    /// <summary>Forgets all.</summary>
    public void Clear()
    {
        Length = 0;
        Array.Clear(said);
        next = 0;
    }

    /// <summary>Another entry's fields follow.</summary>
    public void BeginFields() => next = 0;

    /// <summary>Writes the field as the entry before has it in this place, if that said the same; what it said, or null where it did not.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Its value.</param>
    /// <param name="isPersonal">Whether not the value itself is written, but what stands for it.</param>
    public string? Again(string name, string value, bool isPersonal)
    {
        if (next == said.Length)
            return null;
        ref var before = ref said[next];
        if (!ReferenceEquals(before.Name, name) || before.Value != value || before.IsPersonal != isPersonal)
            return null;
        before.At = Copy(before.At, before.WholeLength);
        next++;
        return before.Text;
    }

    /// <summary>Writes a field.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Its value.</param>
    /// <param name="text">What is written of it.</param>
    /// <param name="isPersonal">Whether that is something else.</param>
    public void Text(string name, string value, string text, bool isPersonal)
    {
        ref var mine = ref Name(name);
        Inner(text);
        Write("\""u8);
        (mine.Value, mine.Text, mine.IsPersonal, mine.WholeLength) = (value, text, isPersonal, Length - mine.At);
    }

    /// <summary>Writes a field that holds a time.</summary>
    public void At(string name, DateTimeOffset value)
    {
        Name(name);
        Time(value);
        Write("\""u8);
    }

    /// <summary>Writes a field that holds a number, as text.</summary>
    public void Number(string name, long value)
    {
        Name(name);
        Digits(value);
        Write("\""u8);
    }

    /// <summary>Writes bytes as they are.</summary>
    public void Write(ReadOnlySpan<byte> text)
    {
        text.CopyTo(Room(text.Length));
        Length += text.Length;
    }

    /// <summary>Writes a time, as it stands in entries.</summary>
    public void Time(DateTimeOffset at)
    {
        at.UtcDateTime.TryFormat(Room(40), out var written, "O", CultureInfo.InvariantCulture);
        Length += written;
    }

    /// <summary>Writes a number.</summary>
    public void Digits(long number)
    {
        number.TryFormat(Room(20), out var written, default, CultureInfo.InvariantCulture);
        Length += written;
    }

    /// <summary>Writes the name and the quotation mark that a value begins with.</summary>
    private ref Said Name(string name)
    {
        if (next == said.Length)
            Array.Resize(ref said, said.Length * 2);
        ref var mine = ref said[next];
        if (ReferenceEquals(mine.Name, name))
        {
            mine.At = Copy(mine.At, mine.NameLength);
        }
        else
        {
            (mine.Name, mine.At) = (name, Length);
            Write(next == 0 ? "\""u8 : ",\""u8);
            Inner(name);
            Write("\":\""u8);
            mine.NameLength = Length - mine.At;
        }

        mine.Value = null;
        next++;
        return ref mine;
    }

    private void Inner(string text)
    {
        if (!text.AsSpan().ContainsAnyExcept(Plain))
        {
            Ascii.FromUtf16(text, Room(text.Length), out var written);
            Length += written;
            return;
        }

        scratch.ResetWrittenCount();
        CanonicalJson.WriteString(scratch, text);
        Write(scratch.WrittenSpan[1..^1]);
    }

    private int Copy(int from, int length)
    {
        var at = Length;
        var room = Room(length);
        bytes.AsSpan(from, length).CopyTo(room);
        Length += length;
        return at;
    }

    private Span<byte> Room(int length)
    {
        if (bytes.Length - Length < length)
            Array.Resize(ref bytes, Math.Max(bytes.Length * 2, Length + length));
        return bytes.AsSpan(Length);
    }

    /// <summary>What a field was in the last entry that had it in this place, and where that stands.</summary>
    [StructLayout(LayoutKind.Auto)]
    private struct Said
    {
        public string? Name;
        public string? Value;
        public string? Text;
        public int At;
        public int NameLength;
        public int WholeLength;
        public bool IsPersonal;
    }
}
