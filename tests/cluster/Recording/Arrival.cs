namespace JitGrains.ClusterTests.Recording;

/// <summary>A call as it arrived at the upstream.</summary>
/// <param name="Call">The id that its client gave this attempt; empty where there is none.</param>
/// <param name="Target">Method and path: <c>POST /orders/42/refund</c>.</param>
/// <param name="At">When its first byte arrived.</param>
/// <param name="Stamped">Whether that is the kernel's stamp.</param>
internal sealed record Arrival(string Call, string Target, DateTimeOffset At, bool Stamped)
{
    /// <summary>When it was over on this side: answered whole, or its connection gone. Null while it runs.</summary>
    public DateTimeOffset? EndedAt { get; set; }

    /// <summary>Whether it was answered whole.</summary>
    public bool Answered { get; set; }
}
