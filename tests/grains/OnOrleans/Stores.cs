namespace JitGrains.GrainTests;

/// <summary>What Orleans keeps its grains in, beneath each scenario.</summary>
public static class Stores
{
    public static TheoryData<string> All => OrleansScripts.Files is null ? ["memory"] : ["memory", "postgres"];

    /// <summary>How often a race is tried: each call crosses between silos, and each turn is several writes.</summary>
    public const int Rounds = 200;
}
