using JitGrains.ClusterTests.Histories;
using JitGrains.ClusterTests.Recording;

namespace JitGrains.ClusterTests.Checking;

/// <summary>All that is known of a run when it is over.</summary>
/// <param name="Deeds">What clients did and were told.</param>
/// <param name="Faults">What was done to processes.</param>
/// <param name="Subjects">Subjects by order.</param>
/// <param name="Arrivals">The upstream's own record.</param>
/// <param name="Trail">The audit trail as it is now.</param>
internal sealed record Evidence(
    IReadOnlyCollection<Deed> Deeds,
    IReadOnlyCollection<Fault> Faults,
    IReadOnlyDictionary<string, Subject> Subjects,
    IReadOnlyCollection<Arrival> Arrivals,
    Trail Trail)
{
    /// <summary>Where the database was put back to an older copy: what that may lose.</summary>
    public Restore? Restore { get; init; }

    public IEnumerable<T> All<T>()
        where T : Deed => Deeds.OfType<T>();

    /// <summary>
    /// Whether what was ended is the grant that the trail has. Its id follows from its request's: where an older copy forgot the vote, the grant and
    /// its end, the request is voted on again, and a grant of the same id is another one.
    /// </summary>
    public bool IsAbout(Ended end, TrailGrant grant) =>
        Restore is null || end.SentAt > grant.IssuedAt || (end.AnsweredAt > grant.IssuedAt && end.Answered.Contains(grant.Id, StringComparer.Ordinal));

    /// <summary>
    /// Whether the trail must know of something: not where it was acknowledged after the copy was taken and the database was
    /// put back later. What was acknowledged before the copy, and after the restore, is not to be lost.
    /// </summary>
    public bool IsKept(Deed deed) => Restore is not { } restore || deed.AnsweredAt < restore.CopiedAt || deed.SentAt > restore.UpAt;
}

/// <summary>A database put back to an older copy.</summary>
/// <param name="CopiedAt">Before it was stopped for the copy.</param>
/// <param name="DownAt">When it was stopped to be put back.</param>
/// <param name="UpAt">Before it was started from the copy.</param>
internal sealed record Restore(DateTimeOffset CopiedAt, DateTimeOffset DownAt, DateTimeOffset UpAt);

/// <summary>What contradicts an invariant.</summary>
/// <param name="Invariant">Which, in a word.</param>
/// <param name="What">What was found.</param>
internal sealed record Violation(string Invariant, string What);
