using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Policy;
using JitGrains.Silo.ControlPlane;

namespace JitGrains.Gateway.RequestPath;

/// <summary>The problems that only a gateway has; the others are <see cref="Problems"/>'. Stateless.</summary>
internal static class GatewayProblems
{
    public static Problem Denied(string detail) => new("denied", 403, "Denied by policy", detail);

    /// <summary>A decision that lets nothing through: where only the sign-in stands in the way, how to go on.</summary>
    public static Problem OfDeny(PolicyDecision decision, string detail) =>
        decision is PolicyDecision.Deny { SignIn: { } demand } ? Problems.SignInNeeded(demand) : Denied(detail);

    public static Problem NetworkDenied { get; } = new("network-denied", 403, "Not from here", "Calls from this address are not taken.");

    public static Problem OutOfScope { get; } = new("key-scope", 403, "Not what the key is for", "The API key is not for this action.");

    public static Problem TokenForElse { get; } = new("token-for-something-else", 403, "The token is for something else", "The token was exchanged for one action, which this call is not.");

    public static Problem ReasonRequired(string field) =>
        new Problem("reason-required", 403, "A reason is required", $"Say why, in {field}.").With("field", field);

    public static Problem MethodNotAllowed(string allow) => Problems.MethodNotAllowed.WithHeader("Allow", allow);

    public static Problem Overloaded { get; } =
        new Problem("overloaded", 503, "Too many calls", "The call has not been looked at. Send it again later.").RetryAfter(TimeSpan.FromSeconds(1));

    public static Problem UnknownHost { get; } = new("unknown-host", 421, "Unknown host", "No API here has this host.");

    public static Problem Unreachable { get; } = new("upstream-unreachable", 502, "The upstream cannot be reached", "The upstream did not answer.");

    public static Problem NoUpstream { get; } =
        new Problem("upstream-unhealthy", 503, "No upstream is healthy", "The call has not run. Send it again later.").RetryAfter(TimeSpan.FromSeconds(5));

    public static Problem UpstreamTimeout { get; } = new("upstream-timeout", 504, "The upstream is too slow", "The upstream did not answer in time.");

    /// <summary>The grant's last use is taken: what came of it, so that nobody has to guess whether it ran.</summary>
    public static Problem AlreadyUsed(string requestId, ExecutionRecord? last, TimeProvider time) =>
        Problems.From(new Refusal.AlreadyUsed(requestId, last), time.GetUtcNow()) with { Detail = "The approved call has been sent. It is not sent again by itself." };

    /// <summary>A request that ended without a grant.</summary>
    public static Problem OfEnded(TaskView task) => (task.Status switch
    {
        RequestStatus.Denied => new Problem("request-denied", 403, "The request was denied", "An approver denied it."),
        RequestStatus.Expired => new Problem("request-expired", 403, "The request has expired", "Nobody decided it in time. Send the call again to ask anew."),
        RequestStatus.Cancelled => new Problem("request-cancelled", 403, "The request was cancelled", "It was taken back. Send the call again to ask anew."),
        _ => Denied("The request was approved, but its grant could not be made. Send the call again to ask anew."),
    }).With("task", task).WithHeader(OwnHeaders.Request, task.Id);

    /// <summary>The error of Proxy-Status (RFC 9209) that a problem is for intermediaries.</summary>
    public static string ProxyErrorOf(Problem problem) => problem.Name switch
    {
        "upstream-unreachable" or "upstream-unhealthy" => "destination_unavailable",
        "upstream-timeout" => "connection_read_timeout",
        "unavailable" or "overloaded" or "internal" => "proxy_internal_error",
        "bad-request" or "confusable-target" or "unknown-host" => "http_request_error",
        _ => "http_request_denied",
    };
}
