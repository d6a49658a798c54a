namespace JitGrains.Audit;

/// <summary>Names and entries of the chain of chains.</summary>
public static class SystemChain
{
    /// <summary>Its source name.</summary>
    public const string Source = "system";

    /// <summary>The record of a new chain, made from its first entry.</summary>
    public static SystemRecord Opened(AuditEntry first) =>
        new($"open:{first.Source}", AuditTypes.ChainOpened, [new AuditField("chain", first.Source), new AuditField("first_hash", first.Hash)]);
}
