using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Identity;

namespace JitGrains.TestSupport;

/// <summary>Plain examples that many tests start from.</summary>
public static class Sample
{
    public static readonly DateTimeOffset Start = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    public static readonly PrincipalId Alice = Person("alice");
    public static readonly PrincipalId Bob = Person("bob");
    public static readonly PrincipalId Carol = Person("carol");
    public static readonly PrincipalId Dave = Person("dave");

    public const string Managers = "dev:managers";
    public const string Security = "dev:security";

    public static PrincipalId Person(string name) => new($"dev:user:{name}");

    public static string RequestId(int n) => $"rq_{n:d26}";

    public static Stage Stage(int quorum = 1, string name = "manager", string[]? groups = null, PrincipalId[]? principals = null) => new()
    {
        Name = name,
        Quorum = quorum,
        Groups = [.. groups ?? (principals is null ? [Managers] : [])],
        Principals = [.. principals ?? []],
    };

    public static ApprovalTerms Terms(params Stage[] stages) => new()
    {
        Rule = "refunds",
        PolicyVersion = "sha256-0123456789abcdef",
        Stages = stages.Length == 0 ? [Stage()] : [.. stages],
        MaxUses = 1,
        DefaultUses = 1,
        MaxWindow = TimeSpan.FromMinutes(30),
        DefaultWindow = TimeSpan.FromMinutes(10),
        DecideWithin = TimeSpan.FromMinutes(30),
        DenialCooldown = TimeSpan.FromMinutes(10),
    };

    public static Ask Ask(int n = 1, ApprovalTerms? terms = null, string resource = "order=42", int? uses = 1) => new()
    {
        RequestId = RequestId(n),
        Principal = Alice,
        Api = "orders",
        Action = "orders.refund",
        Resource = resource,
        Binding = BindingKind.Payload,
        PayloadDigest = $"digest of {resource}",
        Uses = uses,
        Window = TimeSpan.FromMinutes(10),
        Terms = terms ?? Terms(),
        Summary = "Refund 10 on order 42",
        RaisedAt = Start,
        DecideBy = Start + TimeSpan.FromMinutes(30),
        RejoinKey = $"rejoin {resource}",
    };

    public static Grant Grant(int n = 1, int? uses = 1, string resource = "order=42", DateTimeOffset? notBefore = null) => new()
    {
        Id = JitGrains.Grants.Grant.IdFor(RequestId(n)),
        RequestId = RequestId(n),
        Principal = Alice,
        Api = "orders",
        Action = "orders.refund",
        Binding = BindingKind.Payload,
        Resource = resource,
        PayloadDigest = $"digest of {resource}",
        NotBefore = notBefore ?? Start,
        ExpiresAt = (notBefore ?? Start) + TimeSpan.FromMinutes(10),
        Uses = uses,
        Rule = "refunds",
        PolicyVersion = "sha256-0123456789abcdef",
    };

    public static VoteCommand Vote(PrincipalId who, VoteDecision decision, string digest, params string[] groups) =>
        new(who, [], groups.Length == 0 ? [Managers] : [.. groups], decision, null, digest);

    public static RecordedVote Recorded(PrincipalId who, params string[] groups) => new()
    {
        Approver = who,
        Groups = [.. groups],
        Decision = VoteDecision.Approve,
        At = Start,
    };
}
