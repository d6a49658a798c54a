using System.Collections.Immutable;
using System.Text.Json;
using JitGrains.Audit;
using JitGrains.Identity;
using JitGrains.Json;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Audit;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace JitGrains.Silo.ControlPlane;

/// <summary>An audit entry as auditors see it.</summary>
/// <param name="Source">The chain.</param>
/// <param name="Sequence">Its place in the chain.</param>
/// <param name="At">When it happened.</param>
/// <param name="Type">What happened.</param>
/// <param name="Data">The fields; personal ones hold a keyed digest.</param>
/// <param name="Personal">The values behind the digests, as far as they are still held.</param>
/// <param name="Hash">The entry's hash.</param>
public sealed record AuditEntryView(
    string Source, long Sequence, DateTimeOffset At, string Type, ImmutableSortedDictionary<string, JsonElement> Data, ImmutableDictionary<string, string> Personal, string Hash);

/// <summary>What <c>audit/verify</c> answers.</summary>
/// <param name="Chains">Every chain read and how far it is good.</param>
/// <param name="Problems">The first problem of each chain that has one.</param>
/// <param name="Entries">Good entries.</param>
/// <param name="Valid">Whether nothing is wrong.</param>
public sealed record VerifyReport(ImmutableArray<VerifiedChain> Chains, ImmutableArray<VerifiedChain> Problems, long Entries, bool Valid);

/// <summary>What is to be erased: either a principal or a digest.</summary>
/// <param name="Principal">Whose name; values that name others beside it go too.</param>
/// <param name="Digest">The digest that stands for any personal value, as entries show it.</param>
/// <param name="Reason">Why.</param>
public sealed record EraseBody(string? Principal, string? Digest, string Reason);

/// <summary>What was erased.</summary>
/// <param name="Digests">The digests that stood for what is not held any more.</param>
public sealed record ErasedView(ImmutableArray<string> Digests);

/// <summary>The audit trail: read and verify, by auditors and operators; erase the personal values behind it, by operators.</summary>
internal static class AuditEndpoints
{
    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/audit", ListAsync).WithName("listAudit").WithSummary("Audit entries, newest first (auditors, operators)")
            .WithQuery("source", "type", "principal", "request", "from", "to", "cursor", "limit").Answers<PageView<AuditEntryView>>();
        api.MapGet("/audit/verify", VerifyAsync).WithName("verifyAudit").WithSummary("Verifies one chain, or all of them (auditors, operators)")
            .WithQuery("source", "head_sequence", "head_hash").Answers<VerifyReport>();
        api.MapPost("/audit/erase", EraseAsync).WithName("eraseAuditValues").WithSummary("Erases a person's name, or another personal value, from behind the audit trail's digests (operators)")
            .Takes<EraseBody>().Answers<ErasedView>();
    }

    private static async Task<IResult> ListAsync(HttpContext http, Access access, IAuditStore store, AuditSealer sealer)
    {
        var query = new QueryFields(http.Request);
        var principal = query.Principal("principal");
        var filter = new AuditFilter
        {
            Source = query.Text("source"),
            Type = query.Text("type", 64),
            RequestId = query.Id("request", "rq_"),
            PersonalDigest = principal is { } id ? sealer.PersonalDigest(id.Value) : null,
            From = query.Time("from"),
            To = query.Time("to"),
        };
        var cursor = query.Text("cursor", 512);
        var limit = query.Limit();
        if ((query.Finish() ?? Forbidden(http, access)) is { } problem)
            return problem;
        if (await store.QueryAsync(filter, cursor, limit, http.RequestAborted) is not PageReply<AuditEntry>.Page page)
            return Problems.BadRequest("cursor", "The cursor is none that this list gave out.");

        var entries = page.Items.Select(Read).ToList();
        var values = await store.ResolveAsync([.. entries.SelectMany(DigestsOf).Distinct(StringComparer.Ordinal)], http.RequestAborted);
        return Json.Ok(new PageView<AuditEntryView>(
            [.. entries.Select(e => e with { Personal = DigestsOf(e).Distinct(StringComparer.Ordinal).Where(values.ContainsKey).ToImmutableDictionary(d => d, d => values[d], StringComparer.Ordinal) })],
            page.NextCursor));
    }

    private static async Task<IResult> VerifyAsync(HttpContext http, Access access, AuditVerifier verifier, IAuditStore store)
    {
        var query = new QueryFields(http.Request);
        var source = query.Text("source");
        var sequence = query.Number("head_sequence", 1, long.MaxValue);
        var hash = query.Text("head_hash", 64);
        if (sequence is null != hash is null)
            query.Wrong(sequence is null ? "head_sequence" : "head_hash", "A head is a sequence number and a hash.");
        if ((query.Finish() ?? Forbidden(http, access)) is { } problem)
            return problem;
        var head = sequence is null ? null : new ChainHead(sequence.Value, hash!);
        // Where a head is known, a chain that is not there is a finding instead.
        if (source is not null && head is null && (await store.GetHeadAsync(source, http.RequestAborted)).Sequence == 0)
            return Problems.NotFound("chain");
        return new VerifyAnswer(verifier, source, head);
    }

    private static async Task<IResult> EraseAsync(HttpContext http, Access access, IAuditStore store, IPersonalValues values, ValueErasure erasure, TimeProvider time)
    {
        var body = await BodyFields.ReadAsync(http);
        var person = body.Text("principal", PrincipalId.MaxLength);
        var digest = body.Text("digest", 64);
        var reason = body.Sentence("reason");
        var who = default(PrincipalId);
        if (person is null == digest is null)
            body.Wrong(person is null ? "principal" : "digest", "Give either principal or digest.");
        else if (person is not null && !PrincipalId.TryParse(person, null, out who, out var wrong))
            body.Wrong("principal", $"principal: {wrong}.");
        else if (digest is not null && !AuditSealer.IsDigest(digest))
            body.Wrong("digest", "digest is none.");
        if (reason is null)
            body.Wrong("reason", "reason is missing.");
        if (body.Finish() is { } malformed)
            return malformed;
        var caller = http.Caller();
        if (!access.IsOperator(caller))
            return Problems.Forbidden("Only operators erase personal values.");

        var found = digest is null
            ? await values.FindAsync(who.Value, http.RequestAborted)
            : [.. (await store.ResolveAsync([digest], http.RequestAborted)).Keys];
        if (found.Count == 0)
            return Problems.NotFound("value");
        // Whoever could take their own name out could do as they like without it.
        if (who == caller.Principal || (digest is not null && (await values.FindAsync(caller.Principal.Value, http.RequestAborted)).Contains(digest, StringComparer.Ordinal)))
            return Problems.Forbidden("Nobody erases their own name: another operator does.");
        return await erasure.EraseAsync([.. found], caller.Principal, reason!, CancellationToken.None) is { } refusal
            ? Problems.From(refusal, time.GetUtcNow())
            : Json.Ok(new ErasedView([.. found]));
    }

    private static Problem? Forbidden(HttpContext http, Access access) =>
        access.SeesAll(http.Caller()) ? null : Problems.Forbidden("Only auditors and operators read the audit trail.");

    private static AuditEntryView Read(AuditEntry entry)
    {
        using var document = JsonDocument.Parse(entry.Body);
        var root = document.RootElement;
        return new AuditEntryView(
            entry.Source,
            entry.Sequence,
            root.GetProperty("at").GetDateTimeOffset(),
            root.GetProperty("type").GetString()!,
            root.GetProperty("data").EnumerateObject().ToImmutableSortedDictionary(p => p.Name, p => p.Value.Clone(), StringComparer.Ordinal),
            ImmutableDictionary<string, string>.Empty,
            entry.Hash);
    }

    private static IEnumerable<string> DigestsOf(AuditEntryView entry) =>
        entry.Data.Values.Where(v => v.ValueKind == JsonValueKind.String).Select(v => v.GetString()!)
            .Where(v => v.StartsWith(AuditSealer.DigestPrefix, StringComparison.Ordinal));

    /// <summary>Written while it is found out: there can be as many chains as there were requests.</summary>
    private sealed class VerifyAnswer(AuditVerifier verifier, string? source, ChainHead? head) : IResult
    {
        private const int FlushAt = 32 * 1024;

        public async Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.ContentType = "application/json";
            await using var json = new Utf8JsonWriter(httpContext.Response.BodyWriter);
            json.WriteStartObject();
            json.WriteStartArray("chains");
            var outcome = source is null
                ? await verifier.VerifyAllAsync(head, Report, httpContext.RequestAborted)
                : await One(source);
            json.WriteEndArray();
            json.WritePropertyName("problems");
            JsonSerializer.Serialize(json, outcome.Problems, JitJson.Options);
            json.WriteNumber("entries", outcome.Entries);
            json.WriteBoolean("valid", outcome.Valid);
            json.WriteEndObject();
            await json.FlushAsync(httpContext.RequestAborted);

            async Task Report(VerifiedChain chain)
            {
                JsonSerializer.Serialize(json, chain, JitJson.Options);
                if (json.BytesPending > FlushAt)
                {
                    await json.FlushAsync(httpContext.RequestAborted);
                    await httpContext.Response.BodyWriter.FlushAsync(httpContext.RequestAborted);
                }
            }

            async Task<VerifyOutcome> One(string name)
            {
                var chain = await verifier.VerifyChainAsync(name, head, httpContext.RequestAborted);
                await Report(chain);
                return new VerifyOutcome(chain.Problem is null, chain.Sequence, chain.Problem is null ? [] : [chain]);
            }
        }
    }
}
