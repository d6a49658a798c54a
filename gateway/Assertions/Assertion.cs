using System.Buffers;
using System.Buffers.Text;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using JitGrains.Approvals;
using JitGrains.Assertions;
using JitGrains.Gateway.RequestPath;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Policy;
using Microsoft.AspNetCore.Http.Features;

namespace JitGrains.Gateway.Assertions;

/// <summary>
/// What a gateway states of one call to the call's upstream (JWT, RFC 7519): that it let it pass, whose it is, what it is, and
/// by whose approval. Signed anew for each attempt, so that its seconds are counted from when it is sent.
/// </summary>
internal sealed class Assertion(Call call, AssertionDefinition definition, Grant? grant, string issuer, SigningKey key, IIdGenerator ids, TimeProvider time)
{
    /// <summary>The header that it goes in.</summary>
    public const string Header = "Jit-Assertion";

    /// <summary>What its header says it is, so that nothing else with this key passes for one.</summary>
    public const string Type = "jit-assertion+jwt";

    /// <summary>The token for a request with this target.</summary>
    public string Sign(string target)
    {
        var now = time.GetUtcNow();
        var expires = Earliest(now + definition.Life, call.Caller.TokenExpiresAt, grant?.ExpiresAt);
        var buffer = new ArrayBufferWriter<byte>(768);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("iss", issuer);
            json.WriteString("aud", definition.Audience ?? call.Api.Name);
            json.WriteNumber("iat", now.ToUnixTimeSeconds());
            json.WriteNumber("exp", expires.ToUnixTimeSeconds());
            json.WriteString("jti", ids.NewSuffix());
            json.WriteString("sub", call.Caller.Principal.Value);
            WriteActors(json, call.Caller.Actors);
            json.WriteString("action", call.Action.Name);
            if (call.Match.Resource.Length > 0)
                json.WriteString("resource", call.Match.Resource);
            WriteGrant(json);
            json.WriteStartObject("request_digest");
            json.WriteString("alg", "sha-256");
            json.WriteString("line", Digest(Encoding.Latin1.GetBytes($"{call.Request.Method} {target}")));
            if (KnownBody() is { } body)
                json.WriteString("body", Digest(body.Span));
            json.WriteEndObject();
            json.WriteEndObject();
        }

        var signed = $"{key.Header}.{Base64Url.EncodeToString(buffer.WrittenSpan)}";
        return $"{signed}.{Base64Url.EncodeToString(key.Sign(Encoding.ASCII.GetBytes(signed)))}";
    }

    private static DateTimeOffset Earliest(DateTimeOffset one, DateTimeOffset other, DateTimeOffset? third)
    {
        var earliest = one < other ? one : other;
        return third is { } last && last < earliest ? last : earliest;
    }

    /// <summary>The chain as RFC 8693 section 4.1 nests it: the nearest actor outermost.</summary>
    private static void WriteActors(Utf8JsonWriter json, ImmutableArray<PrincipalId> actors)
    {
        foreach (var actor in actors)
        {
            json.WriteStartObject("act");
            json.WriteString("sub", actor.Value);
        }

        for (var i = 0; i < actors.Length; i++)
            json.WriteEndObject();
    }

    private void WriteGrant(Utf8JsonWriter json)
    {
        if (grant is null)
            return;
        json.WriteString("grant", grant.Id);
        json.WriteString("request", grant.RequestId);
        json.WriteStartArray("approvers");
        foreach (var vote in grant.Votes)
        {
            if (vote.Decision == VoteDecision.Approve)
                json.WriteStringValue(vote.Approver.Value);
        }

        json.WriteEndArray();
        if (grant.Automatic)
            json.WriteBoolean("automatic", true);
    }

    /// <summary>The body where it is whole before the call goes out; null where it streams.</summary>
    private ReadOnlyMemory<byte>? KnownBody()
    {
        if (call.Body is { } body)
            return body.Memory;
        return call.Context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == false ? ReadOnlyMemory<byte>.Empty : (ReadOnlyMemory<byte>?)null;
    }

    private static string Digest(ReadOnlySpan<byte> bytes)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, hash);
        return Base64Url.EncodeToString(hash);
    }
}
