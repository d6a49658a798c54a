using System.Buffers;
using System.Buffers.Text;
using System.Collections;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using JitGrains.Json;

namespace JitGrains.Audit;

/// <summary>
/// Entries of one chain, sealed one after the other into one piece of memory, as <see cref="AuditSealer.Seal"/> would have sealed
/// each: for whoever writes many. A store may take it as the list of entries that it is, or as bytes that were hashed already.
/// Made by <see cref="AuditSealer.Begin"/>. Not thread-safe.
/// </summary>
public sealed class SealedRun : IReadOnlyList<AuditEntry>
{
    private const int HashLength = 43;
    private const int LongestMention = 128;

    private readonly AuditSealer sealer;
    private readonly RunBodies bodies = new();
    private readonly List<Place> places = [];
    private readonly List<PersonalValue> values = [];
    private readonly HashSet<string> mentions = new(StringComparer.Ordinal);
    private readonly HashSet<string> types = new(StringComparer.Ordinal);
    private readonly byte[] previous = new byte[HashLength];
    private int previousLength;
    private int start;
    private byte[] source = [];
    private string lastType = "";
    private byte[] lastTypeText = [];
    private string lastField = "";
    private long openedAt;
    private bool isOpen;

    internal SealedRun(AuditSealer sealer) => this.sealer = sealer;

    /// <summary>The chain.</summary>
    public string Source { get; private set; } = "";

    /// <summary>The first entry's number.</summary>
    public long First { get; private set; }

    /// <summary>How many entries there are.</summary>
    public int Count => places.Count;

    /// <summary>Where the chain ends with them.</summary>
    public ChainHead Head => new(First + Count - 1, Encoding.ASCII.GetString(previous, 0, previousLength));

    /// <summary>The earliest entry's time, in UTC ticks.</summary>
    public long FromTicks { get; private set; }

    /// <summary>The latest entry's time, in UTC ticks.</summary>
    public long ToTicks { get; private set; }

    /// <summary>The entries' types, each once.</summary>
    public IReadOnlyCollection<string> Types => types;

    /// <summary>Request ids and personal digests among the values of their data, each once; not the resource's.</summary>
    public IReadOnlyCollection<string> Mentions => mentions;

    /// <summary>The personal values behind the digests in them; one may be there several times.</summary>
    public IReadOnlyList<PersonalValue> Values => values;

    /// <inheritdoc/>
    public AuditEntry this[int index]
    {
        get
        {
            var (from, to) = (index == 0 ? 0 : places[index - 1].Values, places[index].Values);
            var hash = index + 1 < Count ? BodyOf(index + 1).Slice(places[index + 1].Previous, HashLength) : previous.AsSpan(0, previousLength);
            return new AuditEntry(Source, First + index, Encoding.ASCII.GetString(hash), Encoding.UTF8.GetString(BodyOf(index)), [.. values[from..to]]);
        }
    }

    /// <summary>An entry's body.</summary>
    public ReadOnlySpan<byte> BodyOf(int index)
    {
        var from = index == 0 ? 0 : places[index - 1].End;
        return bodies.Written[from..places[index].End];
    }

    /// <summary>Where in an entry's body the hash of the one before stands.</summary>
    public Range PreviousIn(int index) => places[index].Previous..(places[index].Previous + (index == 0 && First == 1 ? 0 : HashLength));

    /// <summary>Seals one more.</summary>
    public void Add(DateTimeOffset at, AuditDraft draft)
    {
        Open(at);
        AuditField? before = null;
        foreach (var field in draft.Fields.OrderBy(f => f.Name, StringComparer.Ordinal))
        {
            // Of those with one name the last counts.
            if (before is not null && before.Name != field.Name)
                Write(draft.Type, before);
            before = field;
        }

        if (before is not null)
            Write(draft.Type, before);
        Close(draft.Type);
    }

    /// <summary>Begins one more; its fields follow in the order of their names (<see cref="Text"/>...), and then <see cref="Close"/>.</summary>
    public void Open(DateTimeOffset at)
    {
        if (isOpen)
            throw new InvalidOperationException("The entry before is not closed.");
        (isOpen, lastField, start) = (true, "", bodies.Length);
        var ticks = openedAt = at.UtcTicks;
        (FromTicks, ToTicks) = (Math.Min(FromTicks, ticks), Math.Max(ToTicks, ticks));
        bodies.Write("{\"at\":\""u8);
        bodies.Time(at);
        bodies.Write("\",\"data\":{"u8);
        bodies.BeginFields();
    }

    /// <summary>A field; none where there is no value.</summary>
    public void Text(string name, string? value)
    {
        if (!string.IsNullOrEmpty(value))
            Plain(name, value);
    }

    /// <summary>A field about the person whose act the entry shows: its digest in the entry, and its value apart; none where there is no value.</summary>
    public void Personal(string name, string? value)
    {
        if (!string.IsNullOrEmpty(value))
            Personal(name, value, openedAt);
    }

    /// <summary>A field that holds a time.</summary>
    public void At(string name, DateTimeOffset value)
    {
        Follow(name);
        bodies.At(name, value);
    }

    /// <summary>A field that holds a number, as text.</summary>
    public void Number(string name, long value)
    {
        Follow(name);
        bodies.Number(name, value);
    }

    /// <summary>Seals it.</summary>
    public void Close(string type)
    {
        bodies.Write("},\"prev\":\""u8);
        var at = bodies.Length - start;
        bodies.Write(previous.AsSpan(0, previousLength));
        bodies.Write("\",\"seq\":"u8);
        bodies.Digits(First + Count);
        bodies.Write(",\"source\":"u8);
        bodies.Write(source);
        bodies.Write(",\"type\":"u8);
        if (!ReferenceEquals(type, lastType))
            Mark(type);
        bodies.Write(lastTypeText);
        bodies.Write(",\"v\":1}"u8);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bodies.Written[start..], hash);
        Base64Url.EncodeToUtf8(hash, previous, out _, out previousLength);
        places.Add(new Place(bodies.Length, at, values.Count));
        isOpen = false;
    }

    /// <summary>Forgets all, and goes on behind another end of a chain.</summary>
    public void Restart(string source, ChainHead head)
    {
        bodies.Clear();
        places.Clear();
        values.Clear();
        mentions.Clear();
        types.Clear();
        (lastType, lastTypeText) = ("", []);
        isOpen = false;
        (Source, First, FromTicks, ToTicks) = (source, head.Sequence + 1, long.MaxValue, long.MinValue);
        this.source = Quoted(source);
        previousLength = Encoding.ASCII.GetBytes(head.Hash, previous);
    }

    /// <inheritdoc/>
    public IEnumerator<AuditEntry> GetEnumerator()
    {
        for (var i = 0; i < Count; i++)
            yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private void Write(string type, AuditField field)
    {
        // An empty value is a value here.
        if (field.Personal)
            Personal(field.Name, field.Value, Acts.Shows(type, field.Name) ? openedAt : 0);
        else
            Plain(field.Name, field.Value);
    }

    private void Personal(string name, string value, long actedAt)
    {
        Follow(name);
        var digest = bodies.Again(name, value, isPersonal: true);
        if (digest is null)
        {
            digest = sealer.PersonalDigest(value);
            bodies.Text(name, value, digest, isPersonal: true);
            Mention(name, digest);
        }

        values.Add(new PersonalValue(digest, value, actedAt));
    }

    private void Plain(string name, string value)
    {
        Follow(name);
        if (bodies.Again(name, value, isPersonal: false) is not null)
            return;
        bodies.Text(name, value, value, isPersonal: false);
        Mention(name, value);
    }

    /// <summary>RFC 8785 has them in order, each once.</summary>
    private void Follow(string name)
    {
        if (string.CompareOrdinal(lastField, name) >= 0)
            throw new InvalidOperationException($"The field {name} comes before {lastField}.");
        lastField = name;
    }

    private void Mark(string type)
    {
        types.Add(type);
        (lastType, lastTypeText) = (type, Quoted(type));
    }

    private static byte[] Quoted(string text)
    {
        var quoted = new ArrayBufferWriter<byte>(64);
        CanonicalJson.WriteString(quoted, text);
        return quoted.WrittenSpan.ToArray();
    }

    private void Mention(string name, string value)
    {
        if (name != "resource" && value.Length is > 3 and <= LongestMention && (value.StartsWith("pd_", StringComparison.Ordinal) || value.StartsWith("rq_", StringComparison.Ordinal)))
            mentions.Add(value);
    }

    /// <summary>One entry's: where its body ends, where in it the hash of the one before begins, and how many values there are up to it.</summary>
    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Place(int End, int Previous, int Values);
}
