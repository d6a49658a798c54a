using JitGrains.ClusterTests.Histories;
using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Load;

/// <summary>A grant that somebody may end, and who uses it meanwhile.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Subject">What it is for.</param>
internal sealed record LiveGrant(string Id, Subject Subject)
{
    /// <summary>When the load saw it live.</summary>
    public DateTimeOffset Since { get; } = Clock.Now;

    /// <summary>Whether somebody has sent a revocation.</summary>
    public volatile bool Ending;

    /// <summary>Whether one was answered.</summary>
    public volatile bool Ended;
}
