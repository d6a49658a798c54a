namespace JitGrains.ClusterTests;

/// <summary>Runs with processes want the machine for themselves.</summary>
[CollectionDefinition("one at a time", DisableParallelization = true)]
public sealed class OneAtATime;
