namespace JitGrains.Gateway.Hosting;

/// <summary>This run of this process. Its id is random and never used again.</summary>
internal sealed record Incarnation(string Id);
