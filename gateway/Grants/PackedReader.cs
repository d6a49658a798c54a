using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using System.Text.Unicode;
using JitGrains.Approvals;
using JitGrains.Identity;

namespace JitGrains.Gateway.Grants;

/// <summary>Reads what is of no fixed length in packed grants, from a place on.</summary>
internal ref struct PackedReader(ReadOnlySpan<byte> tail, SharedTexts texts, int at)
{
    private readonly ReadOnlySpan<byte> tail = tail;
    private int at = at;

    /// <summary>The text that is referred to.</summary>
    public static string? Text(ReadOnlySpan<byte> tail, SharedTexts texts, int text) =>
        text >= 0 ? Encoding.UTF8.GetString(Bytes(tail, text)) : text == PackedHead.NoText ? null : texts[~text];

    /// <summary>Whether what is referred to is this text. Allocates nothing.</summary>
    public static bool Is(ReadOnlySpan<byte> tail, SharedTexts texts, int text, string? other)
    {
        if (text < 0)
            return text == PackedHead.NoText ? other is null : texts[~text] == other;
        return other is not null && Same(Bytes(tail, text), other);
    }

    /// <summary>Whether these bytes are this text's.</summary>
    public static bool Same(ReadOnlySpan<byte> bytes, ReadOnlySpan<char> text)
    {
        if (Ascii.Equals(bytes, text))
            return true;
        // Each character that is not ASCII has more bytes than one.
        if (bytes.Length <= text.Length || bytes.Length > text.Length * 3)
            return false;
        Span<byte> room = stackalloc byte[256];
        while (!text.IsEmpty)
        {
            _ = Utf8.FromUtf16(text, room, out var read, out var written, replaceInvalidSequences: false);
            if (written == 0 || written > bytes.Length || !bytes[..written].SequenceEqual(room[..written]))
                return false;
            text = text[read..];
            bytes = bytes[written..];
        }

        return bytes.IsEmpty;
    }

    public static ReadOnlySpan<byte> Bytes(ReadOnlySpan<byte> tail, int text) =>
        tail.Slice(text + sizeof(int), BinaryPrimitives.ReadInt32LittleEndian(tail[text..]));

    public ImmutableArray<string> List()
    {
        var list = ImmutableArray.CreateBuilder<string>(Number());
        for (var i = 0; i < list.Capacity; i++)
            list.Add(Text(tail, texts, Number())!);
        return list.MoveToImmutable();
    }

    public ImmutableArray<RecordedVote> Votes()
    {
        var votes = ImmutableArray.CreateBuilder<RecordedVote>(Number());
        for (var i = 0; i < votes.Capacity; i++)
        {
            votes.Add(new RecordedVote
            {
                Approver = new PrincipalId(Text(tail, texts, Number())!),
                Decision = (VoteDecision)Number(),
                At = Time(),
                Comment = Text(tail, texts, Number()),
                Groups = new PackedReader(tail, texts, Number()).List(),
                SignIn = SignedIn(),
            });
        }

        return votes.MoveToImmutable();
    }

    private SignIn? SignedIn()
    {
        var kind = Number();
        if (kind == 0)
            return null;
        var (acr, amr) = (Text(tail, texts, Number()), new PackedReader(tail, texts, Number()).List());
        return new SignIn { Acr = acr, Amr = amr, At = kind == 2 ? Time() : null };
    }

    private DateTimeOffset Time()
    {
        var ticks = BinaryPrimitives.ReadInt64LittleEndian(tail[at..]);
        at += sizeof(long);
        return At(ticks, Number());
    }

    private int Number()
    {
        var number = BinaryPrimitives.ReadInt32LittleEndian(tail[at..]);
        at += sizeof(int);
        return number;
    }

    public static DateTimeOffset At(long utcTicks, int offset) => new DateTimeOffset(utcTicks, TimeSpan.Zero).ToOffset(TimeSpan.FromMinutes(offset));
}
