using System.Buffers;
using System.Buffers.Text;
using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using JitGrains.Json;
using JitGrains.Secrets;

namespace JitGrains.Audit;

/// <summary>
/// Chains audit entries: SHA-256 over the canonical JSON (RFC 8785) of each, which names the hash of the one before.
/// Personal values enter a chain only as keyed digests (HMAC-SHA256, 128 bits), so that erasing the values held apart
/// leaves the chain whole. Its only state is its key and the digests it made lately; thread-safe.
/// </summary>
public sealed class AuditSealer(SecretKey personalDigestKey)
{
    /// <summary>What digests of personal values begin with.</summary>
    public const string DigestPrefix = "pd_";

    private const int DigestBytes = 16;

    private readonly RecentDigests recent = new();

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? scratch;

    /// <summary>The keyed digest that stands for a personal value.</summary>
    public string PersonalDigest(string value)
    {
        if (recent.Find(value) is { } known)
            return known;
        Span<byte> mac = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(personalDigestKey.Span, Encoding.UTF8.GetBytes(value), mac);
        var digest = DigestPrefix + Base64Url.EncodeToString(mac[..DigestBytes]);
        recent.Add(value, digest);
        return digest;
    }

    /// <summary>Whether a text looks like such a digest.</summary>
    public static bool IsDigest(string text) =>
        text.StartsWith(DigestPrefix, StringComparison.Ordinal) && Base64Url.IsValid(text.AsSpan(DigestPrefix.Length), out var bytes) && bytes == DigestBytes;

    /// <summary>The chain's next entry.</summary>
    public AuditEntry Seal(string source, ChainHead head, DateTimeOffset at, AuditDraft draft)
    {
        var values = PersonalValues(draft, at);
        var sequence = head.Sequence + 1;
        var output = scratch ??= new ArrayBufferWriter<byte>(1024);
        output.ResetWrittenCount();

        // The members in the order of their names, as RFC 8785 wants them.
        output.Write("{\"at\":"u8);
        CanonicalJson.WriteString(output, AuditField.TimeText(at));
        output.Write(",\"data\":"u8);
        WriteData(output, draft, values);
        output.Write(",\"prev\":"u8);
        CanonicalJson.WriteString(output, head.Hash);
        output.Write(",\"seq\":"u8);
        sequence.TryFormat(output.GetSpan(20), out var digits, default, CultureInfo.InvariantCulture);
        output.Advance(digits);
        output.Write(",\"source\":"u8);
        CanonicalJson.WriteString(output, source);
        output.Write(",\"type\":"u8);
        CanonicalJson.WriteString(output, draft.Type);
        output.Write(",\"v\":1}"u8);
        return new AuditEntry(source, sequence, AuditChain.HashOf(output.WrittenSpan), Encoding.UTF8.GetString(output.WrittenSpan), values);
    }

    /// <summary>Begins to seal many, behind this end of a chain.</summary>
    public SealedRun Begin(string source, ChainHead head)
    {
        var run = new SealedRun(this);
        run.Restart(source, head);
        return run;
    }

    private ImmutableArray<PersonalValue> PersonalValues(AuditDraft draft, DateTimeOffset at)
    {
        var count = 0;
        foreach (var field in draft.Fields)
            count += field.Personal ? 1 : 0;
        if (count == 0)
            return [];
        var values = ImmutableArray.CreateBuilder<PersonalValue>(count);
        foreach (var field in draft.Fields)
        {
            if (field.Personal)
                values.Add(new PersonalValue(PersonalDigest(field.Value), field.Value, Acts.Shows(draft.Type, field.Name) ? at.UtcTicks : 0));
        }

        return values.MoveToImmutable();
    }

    private static void WriteData(ArrayBufferWriter<byte> output, AuditDraft draft, ImmutableArray<PersonalValue> values)
    {
        // Few fields: sorted where they stand, by UTF-16 code units; of those with one name the last counts.
        var fields = draft.Fields.AsSpan();
        Span<int> order = fields.Length <= 64 ? stackalloc int[fields.Length] : new int[fields.Length];
        for (var i = 0; i < fields.Length; i++)
        {
            var at = i;
            for (; at > 0 && string.CompareOrdinal(fields[order[at - 1]].Name, fields[i].Name) > 0; at--)
                order[at] = order[at - 1];
            order[at] = i;
        }

        var separator = "{"u8;
        for (var i = 0; i < order.Length; i++)
        {
            var field = fields[order[i]];
            if (i + 1 < order.Length && fields[order[i + 1]].Name == field.Name)
                continue;
            output.Write(separator);
            separator = ","u8;
            CanonicalJson.WriteString(output, field.Name);
            output.Write(":"u8);
            CanonicalJson.WriteString(output, field.Personal ? DigestOf(values, field.Value) : field.Value);
        }

        output.Write(order.Length == 0 ? "{}"u8 : "}"u8);
    }

    private static string DigestOf(ImmutableArray<PersonalValue> values, string value)
    {
        foreach (var personal in values)
        {
            if (ReferenceEquals(personal.Value, value))
                return personal.Digest;
        }

        throw new InvalidOperationException("A personal value has its digest.");
    }
}
