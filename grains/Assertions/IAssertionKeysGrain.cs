using System.Collections.Immutable;

namespace JitGrains.Assertions;

/// <summary>
/// The one grain of the keys that assertions to upstreams are signed with. A key is published a good while before it signs and
/// a while after it has signed last, so that whoever keeps a copy of the published keys never meets a token that it cannot
/// verify. Private keys are here only sealed, by a key that gateways have and the store does not see in use.
/// </summary>
[Alias("jit.IAssertionKeysGrain"), Version(1)]
public interface IAssertionKeysGrain : IGrainWithStringKey
{
    /// <summary>Its key.</summary>
    const string Key = "assertions";

    /// <summary>Offers a key, which is taken where one is due; the keys as they then are.</summary>
    [Alias("Offer")]
    Task<Reply<AssertionKeySet>> Offer(OfferAssertionKey command);

    /// <summary>The keys, from the primary store.</summary>
    [ReadOnly, Alias("Get")]
    Task<AssertionKeySet> Get();
}

/// <summary>Take this key where one is due.</summary>
/// <param name="KeyId">Its id: the thumbprint of its public half (RFC 7638).</param>
/// <param name="X">The public half's first coordinate, base64url.</param>
/// <param name="Y">The second.</param>
/// <param name="Sealed">The private half as gateways alone can open it, base64url.</param>
/// <param name="Rotation">How long a key signs.</param>
[GenerateSerializer, Alias("jit.OfferAssertionKey")]
public sealed record OfferAssertionKey(
    [property: Id(0)] string KeyId, [property: Id(1)] string X, [property: Id(2)] string Y, [property: Id(3)] string Sealed, [property: Id(4)] TimeSpan Rotation)
{
    /// <summary>Nothing of the key.</summary>
    public override string ToString() => $"{nameof(OfferAssertionKey)} {KeyId}";
}

/// <summary>The keys, in the order in which they sign.</summary>
[GenerateSerializer, Alias("jit.AssertionKeySet")]
public sealed record AssertionKeySet([property: Id(0)] ImmutableArray<AssertionKey> Keys);

/// <summary>A key on P-256, for ES256.</summary>
[GenerateSerializer, Alias("jit.AssertionKey")]
public sealed record AssertionKey
{
    /// <summary>The thumbprint of its public half (RFC 7638).</summary>
    [Id(0)] public required string KeyId { get; init; }

    /// <summary>The public half's first coordinate, base64url.</summary>
    [Id(1)] public required string X { get; init; }

    /// <summary>The public half's second coordinate, base64url.</summary>
    [Id(2)] public required string Y { get; init; }

    /// <summary>The private half as gateways alone can open it, base64url.</summary>
    [Id(3)] public required string Sealed { get; init; }

    /// <summary>From when on it signs.</summary>
    [Id(4)] public required DateTimeOffset SignsFrom { get; init; }

    /// <summary>From when on it signs no more.</summary>
    [Id(5)] public required DateTimeOffset SignsUntil { get; init; }

    /// <summary>Until when it is published: the last token that it signed has ended by then.</summary>
    [Id(6)] public required DateTimeOffset PublishedUntil { get; init; }

    /// <summary>Its id alone.</summary>
    public override string ToString() => $"{nameof(AssertionKey)} {KeyId}";
}
