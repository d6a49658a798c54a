using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Simulation.Cluster;

namespace JitGrains.Simulation.Checking;

/// <summary>A grant as the checker knows it: from the commits that made it, not from what any process believes.</summary>
internal sealed class KnownGrant
{
    public required string Id { get; init; }

    public required string Request { get; init; }

    public required string Who { get; init; }

    public required string Action { get; init; }

    /// <summary>The resource and, where the payload is bound, the body: what a call must show to be covered.</summary>
    public required string Covers { get; init; }

    public required int? Uses { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    public required int Epoch { get; init; }

    public required ImmutableArray<string> Approvers { get; init; }

    /// <summary>When its request was approved.</summary>
    public required TimeSpan ApprovedAt { get; init; }

    /// <summary>When it was there for its holder; null before.</summary>
    public TimeSpan? IssuedAt { get; set; }

    /// <summary>When a revocation, or its holder's giving it back, had returned.</summary>
    public TimeSpan? OverAt { get; set; }

    /// <summary>Uses taken in the store.</summary>
    public HashSet<string> Executions { get; } = new(StringComparer.Ordinal);
}

/// <summary>A request as the checker knows it.</summary>
internal sealed class KnownRequest
{
    public required string Id { get; init; }

    public required string Who { get; init; }

    public required string Action { get; init; }

    public required string Covers { get; init; }

    public required int? Uses { get; init; }

    public required TimeSpan Window { get; init; }

    /// <summary>The stages' groups as the ask says; the checker knows what they have to be.</summary>
    public required ImmutableArray<ImmutableArray<string>> Stages { get; init; }

    /// <summary>How it was decided; null before.</summary>
    public RequestStatus? Decided { get; set; }

    /// <summary>Who has a vote on record, in order; default where that is not known, since the store went back.</summary>
    public ImmutableArray<(string Who, VoteDecision Decision)> Votes { get; set; } = [];
}

/// <summary>What the simulated policies mean, in a few plain words of the checker's own.</summary>
internal static class Meaning
{
    /// <summary>The action of a call; null where there is none.</summary>
    public static (string Action, string Resource)? ActionOf(string method, string target)
    {
        var parts = target.Split('/');
        return (method, parts) switch
        {
            ("GET", ["", "orders"]) => ("orders.list", ""),
            ("GET", ["", "orders", var order]) => ("orders.read", "order=" + order),
            ("POST", ["", "orders", var order, "refunds"]) => ("orders.refund", "order=" + order),
            ("PUT", ["", "orders", var order, "shipment"]) => ("orders.ship", "order=" + order),
            ("DELETE", ["", "orders", var order]) => ("orders.delete", "order=" + order),
            _ => null,
        };
    }

    /// <summary>Whether it needs no grant.</summary>
    public static bool IsAllowed(string action) => action is "orders.read" or "orders.list";

    /// <summary>What a grant for this has to cover: any order for deletions, one for shipments, one with one body for refunds.</summary>
    public static string CoversOf(string action, string resource, string body) => action switch
    {
        "orders.refund" => $"{resource} {AmountOf(body)}",
        "orders.ship" => resource,
        _ => "",
    };

    /// <summary>Of a body as it is sent, and as approvers see it.</summary>
    private static string AmountOf(string body)
    {
        var bare = string.Concat(body.Where(c => !char.IsWhiteSpace(c)));
        return bare.StartsWith("{\"amount\":", StringComparison.Ordinal) ? bare[..bare.IndexOfAny([',', '}'])] : bare;
    }

    /// <summary>The groups that have to have approved, each by somebody else; null where it is not allowed at all.</summary>
    public static ImmutableArray<string>? ApprovedBy(string action, string policy) => action switch
    {
        "orders.refund" => ["managers"],
        "orders.ship" => ["managers", "security"],
        "orders.delete" when policy == Policies.Shut => null,
        "orders.delete" => [policy == Policies.Stricter ? "security" : "managers"],
        _ => [],
    };

    public static int? UsesOf(string action) => action switch
    {
        "orders.refund" => 1,
        "orders.ship" => 2,
        _ => null,
    };

    /// <summary>Whether these people fill the groups, each person one of them, and none of them the caller.</summary>
    public static bool Suffices(ImmutableArray<string> groups, IEnumerable<string> approvers, string caller)
    {
        var people = approvers.Where(a => a != caller).Distinct(StringComparer.Ordinal).ToImmutableArray();
        return Fill(0, []);

        bool Fill(int stage, ImmutableHashSet<string> taken) =>
            stage == groups.Length
            || people.Any(p => !taken.Contains(p) && Edges.People.GroupsOf[p].Contains(groups[stage]) && Fill(stage + 1, taken.Add(p)));
    }
}
