using System.Buffers.Text;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using JitGrains.Json;
using JitGrains.Secrets;

namespace JitGrains.Audit;

/// <summary>
/// Chains audit entries: SHA-256 over the canonical JSON (RFC 8785) of each, which names the hash of the one before.
/// Personal values enter a chain only as keyed digests (HMAC-SHA256, 128 bits), so that erasing the values held apart
/// leaves the chain whole. Stateless but for its key; thread-safe.
/// </summary>
public sealed class AuditSealer(SecretKey personalDigestKey)
{
    /// <summary>What digests of personal values begin with.</summary>
    public const string DigestPrefix = "pd_";

    /// <summary>The keyed digest that stands for a personal value.</summary>
    public string PersonalDigest(string value)
    {
        Span<byte> mac = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(personalDigestKey.Span, Encoding.UTF8.GetBytes(value), mac);
        return DigestPrefix + Base64Url.EncodeToString(mac[..16]);
    }

    /// <summary>The chain's next entry.</summary>
    public AuditEntry Seal(string source, ChainHead head, DateTimeOffset at, AuditDraft draft)
    {
        var data = new JsonObject();
        var values = ImmutableArray.CreateBuilder<PersonalValue>();
        foreach (var field in draft.Fields)
        {
            if (field.Personal)
            {
                var digest = PersonalDigest(field.Value);
                data[field.Name] = digest;
                values.Add(new PersonalValue(digest, field.Value));
            }
            else
            {
                data[field.Name] = field.Value;
            }
        }

        var sequence = head.Sequence + 1;
        var body = Encoding.UTF8.GetString(CanonicalJson.Serialize(new JsonObject
        {
            ["v"] = 1,
            ["source"] = source,
            ["seq"] = sequence,
            ["at"] = AuditField.TimeText(at),
            ["type"] = draft.Type,
            ["data"] = data,
            ["prev"] = head.Hash,
        }));
        return new AuditEntry(source, sequence, AuditChain.HashOf(body), body, values.ToImmutable());
    }
}
