namespace JitGrains.Gateway.Hosting;

/// <summary>What links to the control plane begin with; null where none is configured, and then there are no links.</summary>
internal sealed record PublicUrl(Uri? Value);
