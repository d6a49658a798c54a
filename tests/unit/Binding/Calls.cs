using System.Text;
using JitGrains.Approvals;
using JitGrains.Binding;
using JitGrains.Grants;
using JitGrains.Http;
using JitGrains.Identity;
using JitGrains.Policy;
using JitGrains.UnitTests.Http;

namespace JitGrains.UnitTests.Binding;

/// <summary>Calls and asks for the tests of bindings and reviews.</summary>
internal static class Calls
{
    public static readonly byte[] Key = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];

    public static readonly ApiDefinition Api = new() { Name = "orders", Upstreams = [new Uri("http://localhost:8082")] };

    public static ActionDefinition Action(params string[] mask) => new()
    {
        Name = "orders.refund",
        Methods = ["POST"],
        Path = "/orders/{order}/refunds",
        Mask = [.. mask],
    };

    public static CanonicalRequest Post(string target = "/orders/42/refunds", params string[] headers) => Requests.Canonical("POST", target, headers);

    public static string Digest(CanonicalRequest request, string body = "", ActionDefinition? action = null, ApiDefinition? api = null, byte[]? key = null) =>
        PayloadBinding.Compute(key ?? Key, request, Encoding.UTF8.GetBytes(body), api ?? Api, action ?? Action());

    public static ReviewPayload Review(CanonicalRequest request, string body, params string[] mask) =>
        ReviewBuilder.Build(request, Encoding.UTF8.GetBytes(body), Api, Action(mask));

    public static ReviewPayload ReviewJson(string body, params string[] mask) => Review(Post(headers: "Content-Type: application/json"), body, mask);

    public static Ask Ask() => new()
    {
        RequestId = "rq_0",
        Principal = new PrincipalId("dev:user:alice"),
        Api = "orders",
        Action = "orders.refund",
        Resource = "order=42",
        Binding = BindingKind.Payload,
        PayloadDigest = "hmac-sha256;jit-payload-1;x",
        Reason = "customer asked",
        Uses = 1,
        Window = TimeSpan.FromMinutes(10),
        Terms = new ApprovalTerms
        {
            Rule = "refunds",
            PolicyVersion = "sha256-0",
            Stages = [new Stage { Name = "managers", Groups = ["dev:managers"], Quorum = 1 }],
            MaxWindow = TimeSpan.FromMinutes(10),
            DefaultWindow = TimeSpan.FromMinutes(10),
            DecideWithin = TimeSpan.FromHours(1),
            DenialCooldown = TimeSpan.FromMinutes(10),
        },
        Summary = "alice asks",
        RejoinKey = "k",
        Payload = Review(Post(), "hello"),
    };
}
