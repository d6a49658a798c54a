using System.Collections.Immutable;
using JitGrains.Identity;

namespace JitGrains.Approvals;

/// <summary>One stage of an approval: enough distinct people out of these. All stages must be met.</summary>
[GenerateSerializer, Alias("jit.Stage")]
public sealed record Stage
{
    /// <summary>Its name, shown to people.</summary>
    [Id(0)] public required string Name { get; init; }

    /// <summary>Qualified groups (<c>realm:group</c>) whose members may vote in it.</summary>
    [Id(1)] public ImmutableArray<string> Groups { get; init; } = [];

    /// <summary>Principals who may vote in it.</summary>
    [Id(2)] public ImmutableArray<PrincipalId> Principals { get; init; } = [];

    /// <summary>How many distinct people it takes, at least 1.</summary>
    [Id(3)] public required int Quorum { get; init; }

    /// <summary>What the sign-in of those who vote in it must be; null for any.</summary>
    [Id(4)] public SignInDemand? SignIn { get; init; }

    /// <summary>Whether this is the same stage: records compare arrays by identity.</summary>
    public bool IsSameAs(Stage other) =>
        Name == other.Name && Quorum == other.Quorum && SignInDemand.AreSame(SignIn, other.SignIn) && Groups.SequenceEqual(other.Groups, StringComparer.Ordinal) && Principals.SequenceEqual(other.Principals);

    /// <summary>Whether a person in these groups may vote in this stage.</summary>
    public bool Admits(PrincipalId person, IEnumerable<string> groups) =>
        Principals.Contains(person) || groups.Any(g => Groups.Contains(g, StringComparer.Ordinal));

    /// <summary>Whether a vote counts in this stage: its person is admitted, and had signed in as is demanded when voting.</summary>
    public bool Admits(RecordedVote vote) => Admits(vote.Approver, vote.Groups) && SignIn?.IsMetBy(vote.SignIn, vote.At) != false;
}

/// <summary>An approver's decision.</summary>
[GenerateSerializer, Alias("jit.VoteDecision")]
public enum VoteDecision
{
    /// <summary>In favour.</summary>
    Approve,

    /// <summary>Against: one such vote denies the request.</summary>
    Deny,
}

/// <summary>A vote as recorded.</summary>
[GenerateSerializer, Alias("jit.RecordedVote")]
public sealed record RecordedVote
{
    /// <summary>Who voted.</summary>
    [Id(0)] public required PrincipalId Approver { get; init; }

    /// <summary>Of the stages' groups, those that the approver was in when voting.</summary>
    [Id(1)] public ImmutableArray<string> Groups { get; init; } = [];

    /// <summary>The decision.</summary>
    [Id(2)] public required VoteDecision Decision { get; init; }

    /// <summary>What the approver wrote, or null.</summary>
    [Id(3)] public string? Comment { get; init; }

    /// <summary>When.</summary>
    [Id(4)] public required DateTimeOffset At { get; init; }

    /// <summary>How and when the approver had signed in; null where nothing is known.</summary>
    [Id(5)] public SignIn? SignIn { get; init; }
}

/// <summary>What an approve rule demands and allows, as it stood when the request was raised.</summary>
[GenerateSerializer, Alias("jit.ApprovalTerms")]
public sealed record ApprovalTerms
{
    /// <summary>The longest window that a policy can give: no grant lives longer.</summary>
    public static readonly TimeSpan LongestWindow = TimeSpan.FromDays(7);

    /// <summary>The rule's name.</summary>
    [Id(0)] public required string Rule { get; init; }

    /// <summary>The policy version.</summary>
    [Id(1)] public required string PolicyVersion { get; init; }

    /// <summary>The stages; every one must reach its quorum.</summary>
    [Id(2)] public required ImmutableArray<Stage> Stages { get; init; }

    /// <summary>Whether the rule's automatic conditions hold for this call, so that policy itself approves.</summary>
    [Id(3)] public bool Automatic { get; init; }

    /// <summary>Whether a reason must be given.</summary>
    [Id(4)] public bool ReasonRequired { get; init; }

    /// <summary>Most uses of a grant; null for any number within its window.</summary>
    [Id(5)] public int? MaxUses { get; init; }

    /// <summary>Uses of a grant where the caller asks for none in particular; null for any number.</summary>
    [Id(6)] public int? DefaultUses { get; init; }

    /// <summary>Longest window after approval.</summary>
    [Id(7)] public required TimeSpan MaxWindow { get; init; }

    /// <summary>Window after approval where the caller asks for none in particular.</summary>
    [Id(8)] public required TimeSpan DefaultWindow { get; init; }

    /// <summary>How long approvers have.</summary>
    [Id(9)] public required TimeSpan DecideWithin { get; init; }

    /// <summary>How long the same ask is refused after a denial.</summary>
    [Id(10)] public required TimeSpan DenialCooldown { get; init; }

    /// <summary>Whether these are the same terms: records compare arrays by identity.</summary>
    public bool IsSameAs(ApprovalTerms other) =>
        this with { Stages = [] } == other with { Stages = [] }
        && Stages.Length == other.Stages.Length
        && Stages.Zip(other.Stages).All(s => s.First.IsSameAs(s.Second));
}
