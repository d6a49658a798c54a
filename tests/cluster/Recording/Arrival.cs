namespace JitGrains.ClusterTests.Recording;

/// <summary>A call as it arrived at the upstream.</summary>
/// <param name="Call">The id that its client gave this attempt; empty where there is none.</param>
/// <param name="Target">Method and path: <c>POST /orders/42/refund</c>.</param>
/// <param name="At">When its first byte had arrived, at the latest.</param>
/// <param name="Stamped">Whether that is the kernel's stamp.</param>
internal sealed record Arrival(string Call, string Target, DateTimeOffset At, bool Stamped)
{
    /// <summary>
    /// The earliest that its first byte can have arrived: the same moment where the stamp is that of its own segment, and before it
    /// where more had come when it was read, be it only the end of the connection. Null where nobody knows.
    /// </summary>
    public DateTimeOffset? From { get; init; } = At;

    /// <summary>When it was over on this side: answered whole, or its connection gone. Null while it runs.</summary>
    public DateTimeOffset? EndedAt { get; set; }

    /// <summary>Whether it was answered whole.</summary>
    public bool Answered { get; set; }
}
