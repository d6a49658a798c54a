using System.Collections.Immutable;
using System.Globalization;
using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Wire;

namespace JitGrains.Cli.Commands;

/// <summary>How the wire's values are said.</summary>
internal static class Phrases
{
    /// <summary>The subject and everybody who acts for it, the one that calls last: an approver must see the whole chain.</summary>
    public static string Who(PrincipalId principal, ImmutableArray<PrincipalId> actors) =>
        actors.IsDefaultOrEmpty ? principal.Value : $"{principal.Value} through {string.Join(" through ", actors.Reverse())}";

    public static string Instant(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    public static string InstantAndAge(DateTimeOffset at, DateTimeOffset now) =>
        $"{Instant(at)} ({(at > now ? "in " + Durations.Format(at - now) : Durations.Format(now - at) + " ago")})";

    /// <summary>How long is left, <c>over</c> where nothing is.</summary>
    public static string Left(DateTimeOffset until, DateTimeOffset now) => until <= now ? "over" : Durations.Format(until - now);

    public static string Word<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();

    /// <summary><c>1/2</c>, stage by stage.</summary>
    public static string Votes(ApprovalRequestView request) =>
        request.Stages.IsDefaultOrEmpty
            ? (request.Automatic ? "automatic" : "-")
            : string.Join(" + ", request.Stages.Select(s => $"{s.Approvals}/{s.Quorum}"));

    public static string Uses(int? uses) => uses switch { null => "any number of uses", 1 => "one use", var n => $"{n} uses" };

    public static string Binding(BindingKind binding) => binding switch
    {
        BindingKind.Action => "for this action on any resource",
        BindingKind.Resource => "for this action on this resource, whatever the call holds",
        _ => "for exactly this call",
    };

    public static string Stage(StageView stage)
    {
        var people = string.Join(", ", [.. Each(stage.Groups), .. Each(stage.Principals).Select(p => p.Value)]);
        return $"{stage.Name}: {stage.Approvals} of {stage.Quorum} from {people}";
    }

    public static string Vote(RecordedVote vote) =>
        $"{vote.Approver} {(vote.Decision == VoteDecision.Approve ? "approves" : "denies")} at {Instant(vote.At)}{(vote.Comment is null ? "" : $": {vote.Comment}")}";

    private static ImmutableArray<T> Each<T>(ImmutableArray<T> items) => items.IsDefault ? [] : items;
}
