namespace JitGrains.Gateway.Hosting;

/// <summary>
/// This run of this process, which its journal is named by. Its id is random and never used again. Leases have incarnations
/// of their own: a process whose lease lapsed goes on under another.
/// </summary>
internal sealed record Incarnation(string Id);
