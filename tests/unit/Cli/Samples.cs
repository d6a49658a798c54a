using System.Text.Json;
using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Json;
using JitGrains.Wire;

namespace JitGrains.UnitTests.Cli;

/// <summary>Wire values as servers send them.</summary>
internal static class Samples
{
    public const string RequestId = "rq_0123456789abcdefghjkmnpqrs";
    public const string GrantId = "gr_0123456789abcdefghjkmnpqrs";
    public const string Digest = "hmac-sha256;jit-review-1;q83vEjRWeJA";

    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    public static readonly ApprovalRequestView Request = new()
    {
        Id = RequestId,
        Status = RequestStatus.Pending,
        Principal = new PrincipalId("dev:user:alice"),
        Api = "orders",
        Action = "orders.refund",
        Access = "write",
        Sensitivity = "high",
        Resource = "order=42",
        Binding = BindingKind.Payload,
        Summary = "Refund 25 EUR of order 42",
        Reason = "customer complaint",
        Ticket = "T-7",
        Payload = new ReviewPayload
        {
            Method = "POST",
            Authority = "127.0.0.1:8080",
            Target = "/orders/42/refunds",
            Headers = [new ReviewHeader("content-type", "application/json")],
            Body = """{"amount":25,"card":"***"}""",
            BodyBytes = 40,
            Masked = ["body.card"],
        },
        Uses = 1,
        WindowSeconds = 600,
        Rule = "refunds-need-a-manager",
        PolicyVersion = "sha256-0123456789abcdef",
        Stages = [new StageView("managers", ["dev:managers"], [], 2, 1)],
        Votes = [new RecordedVote { Approver = new PrincipalId("dev:user:carol"), Decision = VoteDecision.Approve, Comment = "fine", At = Noon - TimeSpan.FromMinutes(1) }],
        Digest = Digest,
        RaisedAt = Noon - TimeSpan.FromMinutes(3),
        ExpiresAt = Noon + TimeSpan.FromMinutes(57),
        CallerKey = "dev:user:alice",
        RejoinKey = "k",
    };

    public static readonly GrantView Grant = new()
    {
        Id = GrantId,
        Status = GrantStatus.Active,
        RequestId = RequestId,
        Principal = new PrincipalId("dev:user:alice"),
        Api = "orders",
        Action = "orders.delete",
        Binding = BindingKind.Action,
        NotBefore = Noon,
        ExpiresAt = Noon + TimeSpan.FromMinutes(10),
        Rule = "deletes",
        CallerKey = "dev:user:alice",
    };

    public static string Json(object value) => JsonSerializer.Serialize(value, value.GetType(), JitJson.Options);

    public static string Details(ApprovalRequestView request) =>
        Json(new
        {
            request,
            earlier = new[]
            {
                new
                {
                    id = "rq_earlier",
                    status = "approved",
                    principal = "dev:user:alice",
                    action = "orders.refund",
                    resource = "order=42",
                    reason = "the first half",
                    raised_at = Noon - TimeSpan.FromDays(1),
                },
            },
            executions = new[] { new { id = "ex_1", status = "completed", http_status = 201, started_at = Noon, ended_at = Noon, request_bytes = 40, response_bytes = 10 } },
        });

    public static string List(string? nextCursor, params object[] items) => Json(new { items, next_cursor = nextCursor });

    public static string Task(string status, object? grant = null) => Json(new
    {
        id = RequestId,
        status,
        action = "orders.delete",
        resource = "",
        status_endpoint = $"/.jit/requests/{RequestId}",
        expires_at = Noon + TimeSpan.FromHours(1),
        links = new { self = $"/.jit/requests/{RequestId}" },
        grant,
    });
}
