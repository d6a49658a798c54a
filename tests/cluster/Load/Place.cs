using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Load;

/// <summary>A process as its clients know it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Address">Where it answers.</param>
internal sealed record Place(string Name, Uri Address);

/// <summary>Somebody with a token.</summary>
/// <param name="Principal">As the product names them: <c>dev:user:bob</c>.</param>
/// <param name="Token">The token.</param>
internal sealed record Person(string Principal, string Token)
{
    public static Person Of(Issuer issuer, string name, params string[] groups) => new($"dev:user:{name}", issuer.Token(name, groups));
}
