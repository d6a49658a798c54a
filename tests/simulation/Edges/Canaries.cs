namespace JitGrains.Simulation.Edges;

/// <summary>What nobody but its holder may see.</summary>
internal static class Canaries
{
    /// <summary>What policy masks, in the body of each refund.</summary>
    public const string Card = "card-0815-4711";

    /// <summary>How each begins, or what it holds: a token, an API key, the masked field, the key of digests.</summary>
    public static readonly string[] Marks = ["eyJhbGciOi", "jitk_", Card, Convert.ToBase64String([.. Enumerable.Repeat((byte)0x51, 30)])];
}
