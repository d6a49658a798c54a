using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using JitGrains.Identity;
using JitGrains.Json;
using JitGrains.Silo.Identity;
using Microsoft.AspNetCore.Http;

namespace JitGrains.Silo.ControlPlane;

/// <summary>
/// An answer that is not a success: a problem document (RFC 9457). Names are part of the API (docs/api.md), texts are for
/// people and never quote what the client sent. Immutable and thread-safe.
/// </summary>
/// <param name="Name">The end of the type URI.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Title">The same for each problem of this name.</param>
/// <param name="Detail">About this one.</param>
public sealed record Problem(string Name, int Status, string Title, string Detail) : IResult
{
    /// <summary>Where type URIs begin.</summary>
    public const string TypeBase = "https://jitgrains.dev/problems/";

    /// <summary>The media type.</summary>
    public const string MediaType = "application/problem+json";

    /// <summary>Further members of the document, serialized as <see cref="JitJson.Options"/> say.</summary>
    public ImmutableDictionary<string, object?> Members { get; init; } = ImmutableDictionary<string, object?>.Empty;

    /// <summary>Further headers of the answer.</summary>
    public ImmutableDictionary<string, string> Headers { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>With one more member.</summary>
    public Problem With(string member, object? value) => this with { Members = Members.SetItem(member, value) };

    /// <summary>With one more header.</summary>
    public Problem WithHeader(string name, string value) => this with { Headers = Headers.SetItem(name, value) };

    /// <summary>With <c>Retry-After</c>, in whole seconds, at least one.</summary>
    public Problem RetryAfter(TimeSpan wait) => WithHeader("Retry-After", Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds)).ToString());

    /// <inheritdoc/>
    public Task ExecuteAsync(HttpContext httpContext)
    {
        var document = new JsonObject
        {
            ["type"] = TypeBase + Name,
            ["title"] = Title,
            ["status"] = Status,
            ["detail"] = Detail,
        };
        foreach (var (name, value) in Members.Where(m => m.Value is not null).OrderBy(m => m.Key, StringComparer.Ordinal))
            document[name] = JsonSerializer.SerializeToNode(value, JitJson.Options);
        httpContext.Response.StatusCode = Status;
        foreach (var (name, value) in Headers)
            httpContext.Response.Headers[name] = value;
        httpContext.Response.Headers.CacheControl = "no-store";
        httpContext.Response.ContentType = MediaType;
        return httpContext.Response.WriteAsync(document.ToJsonString(JitJson.Options), httpContext.RequestAborted);
    }
}

/// <summary>The problems, and the one place where refusals become them. Stateless and thread-safe.</summary>
public static class Problems
{
    /// <summary>A member, parameter or id is missing, unknown or malformed.</summary>
    public static Problem BadRequest(string field, string detail) =>
        new Problem("bad-request", 400, "The request is malformed", detail).With("field", field);

    /// <summary>No token, or one that is not accepted.</summary>
    public static Problem Unauthenticated(TokenResult.Invalid invalid) =>
        new Problem("unauthenticated", 401, "Authentication is needed", invalid.Detail)
            .With("code", invalid.Code)
            .WithHeader("WWW-Authenticate", BearerChallenge.ValueFor(invalid));

    /// <summary>The caller is known, and has to sign in again for this: more recently, or more strongly (RFC 9470).</summary>
    public static Problem SignInNeeded(SignInDemand demand) =>
        new Problem("sign-in-needed", 401, "Another sign-in is needed", $"What is needed: {demand}.")
            .With("max_age_seconds", demand.MaxAgeSeconds)
            .With("acr", demand.Acr.IsEmpty ? null : demand.Acr)
            .With("amr", demand.Amr.IsEmpty ? null : demand.Amr)
            .WithHeader("WWW-Authenticate", StepUpChallenge.ValueFor(demand));

    /// <summary>The caller is known and may not do this.</summary>
    public static Problem Forbidden(string detail) => new("forbidden", 403, "Not allowed", detail);

    /// <summary>An operator has blocked the caller.</summary>
    public static Problem Blocked { get; } = new("blocked", 403, "Blocked", "An operator has blocked this principal, or one that acts for it.");

    /// <summary>A request in a browser's session that no page of ours has made.</summary>
    public static Problem CrossSite { get; } =
        new("cross-site", 403, "Not from here", "In a session, what changes something comes from a page of the control plane itself, with the Jit-Page header.");

    /// <summary>It is not there, or the caller may not know of it.</summary>
    public static Problem NotFound(string what) => new("not-found", 404, "Not found", $"There is no such {what}.");

    /// <summary>The address does not answer to this method.</summary>
    public static Problem MethodNotAllowed { get; } = new("method-not-allowed", 405, "Method not allowed", "This address does not answer to this method.");

    /// <summary>The body is larger than it may be.</summary>
    public static Problem PayloadTooLarge(long limit) =>
        new Problem("payload-too-large", 413, "The body is too large", $"The body has more than {limit} bytes.").With("limit", limit);

    /// <summary>The body is not JSON.</summary>
    public static Problem UnsupportedMediaType { get; } =
        new("unsupported-media-type", 415, "Unsupported media type", "The body is application/json, without a content encoding.");

    /// <summary>Something went wrong here; the log has it.</summary>
    public static Problem Internal { get; } = new("internal", 500, "Internal error", "The request could not be processed. The log has the reason.");

    /// <summary>Something that is needed does not answer now.</summary>
    public static Problem Unavailable(string detail) =>
        new Problem("unavailable", 503, "Not available now", detail).RetryAfter(TimeSpan.FromSeconds(1));

    /// <summary>A grain's refusal.</summary>
    /// <param name="refusal">The refusal.</param>
    /// <param name="now">The time, for <c>Retry-After</c>.</param>
    public static Problem From(Refusal refusal, DateTimeOffset now) => refusal switch
    {
        Refusal.NotFound r => NotFound(r.What),
        // Whose it is, is nobody else's business.
        Refusal.NotTheRequester => NotFound("request"),
        Refusal.AlreadyDecided r => new Problem("already-decided", 409, "Already decided", "The request has its decision already.").With("request_status", r.Status),
        Refusal.NotEligible r => new Problem("not-eligible", 403, "This vote does not count", Because(r.Because)).With("because", r.Because),
        Refusal.DigestMismatch => new Problem("digest-mismatch", 409, "The request is not the one you saw", "The digest is not that of the request as it stands; read it again before you decide."),
        Refusal.AlreadyVoted r => new Problem("already-voted", 409, "Already voted", "You voted on this request before, the other way.").With("decision", r.Decision),
        Refusal.TooManyPending r => new Problem("too-many-pending", 429, "Too many pending requests", $"At most {r.Limit} requests of one caller may be pending.").With("limit", r.Limit),
        Refusal.CoolingDown r => new Problem("cooling-down", 403, "Denied a short while ago", "The same ask was denied; it can be raised again later.").With("until", r.Until).RetryAfter(r.Until - now),
        Refusal.RequestMismatch r => new Problem("request-mismatch", 409, "The request is for something else", "The approval request named is not the one for this call.").With("request_id", r.RequestId),
        Refusal.AlreadyUsed r => AlreadyUsed(r),
        Refusal.GrantNotActive r => new Problem("grant-not-active", 409, "The grant is not active", "The grant has ended, or its window has not begun.").With("grant_status", r.Status),
        Refusal.GrantDoesNotCover => new Problem("request-mismatch", 409, "The grant is for something else", "The grant does not cover this call."),
        Refusal.CommandReused => new Problem("command-reused", 409, "The command's id was used before", "Another command was sent under this id."),
        Refusal.LeaseOver r => new Problem("lease-over", 409, "The gateway holds no lease", "The lease was condemned or closed, or never opened.").With("phase", r.Phase),
        Refusal.TooManyEntries r => new Problem("too-many-entries", 409, "The list is full", $"There are {r.Limit} {r.What} already.").With("limit", r.Limit),
        Refusal.KeyRevoked => new Problem("key-revoked", 409, "The key is revoked", "A revoked API key stays revoked until its time is over."),
        Refusal.NameTaken r => new Problem("name-taken", 409, "The name is taken", $"There is a {r.What} of this name already, or was lately."),
        Refusal.SignInNeeded r => SignInNeeded(r.Demand),
        Refusal.PolicyInvalid r => PolicyInvalid(r.Problems),
        Refusal.PolicyMoved r => new Problem("policy-moved", 409, "Another policy is in force", "The policy in force is not the one that was expected; look at it again.").With("version", r.Current),
        _ => throw new InvalidOperationException($"no problem for {refusal.GetType().Name}"),
    };

    /// <summary>A policy that cannot be taken.</summary>
    public static Problem PolicyInvalid(IEnumerable<string> problems) =>
        new Problem("policy-invalid", 422, "The policy cannot be taken", "It is as it was. Every problem is listed.").With("problems", problems);

    private static Problem AlreadyUsed(Refusal.AlreadyUsed refusal)
    {
        var problem = new Problem("already-used", 409, "Already used", "The last use that was approved is taken.").With("request_id", refusal.RequestId);
        return refusal.LastExecution is not { } last ? problem : problem.With("execution", new
        {
            last.Id,
            last.StartedAt,
            Status = last.Outcome?.Status ?? Grants.ExecutionStatus.Started,
            last.Outcome?.HttpStatus,
            last.Outcome?.EndedAt,
        });
    }

    private static string Because(string because) => because switch
    {
        "requester" => "Whoever asks, and whoever is behind the ask, does not approve it.",
        "acting-for-another" => "Votes are cast in person, not through somebody who acts for the approver.",
        _ => "You are not among this request's approvers.",
    };
}
