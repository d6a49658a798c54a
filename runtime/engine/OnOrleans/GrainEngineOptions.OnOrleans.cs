namespace JitGrains.Runtime.Engine;

public sealed partial class GrainEngineOptions
{
    /// <summary>How Orleans runs. The other options say how read models and the audit trail are kept, and how outboxes are drained.</summary>
    public OrleansOptions Orleans { get; set; } = new();
}
