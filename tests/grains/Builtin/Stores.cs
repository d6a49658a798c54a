namespace JitGrains.GrainTests;

/// <summary>The engines and stores that each scenario runs on: the same assertions, whatever is underneath.</summary>
public static class Stores
{
    public static TheoryData<string> All => ["memory", "sqlite", "postgres"];

    /// <summary>How often a race is tried.</summary>
    public const int Rounds = 1_000;
}
