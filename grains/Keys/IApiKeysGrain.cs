using System.Collections.Immutable;
using JitGrains.Identity;

namespace JitGrains.Keys;

/// <summary>
/// API keys, for callers that can do no better (one grain, key <see cref="Key"/>). Of a key's text only the hash is here. A revoked key stays
/// revoked; a name is not used again before the key has been over for a while. Commands are idempotent by their id.
/// </summary>
[Alias("jit.IApiKeysGrain"), Version(1)]
public interface IApiKeysGrain : IGrainWithStringKey
{
    /// <summary>The one key.</summary>
    const string Key = "api-keys";

    /// <summary>Takes in a new key.</summary>
    [Alias("Create")]
    Task<Reply<ApiKey>> Create(CreateApiKey command);

    /// <summary>Revokes a key; one that is revoked already is no error.</summary>
    [Alias("Revoke")]
    Task<Reply<ApiKey>> Revoke(RevokeApiKey command);

    /// <summary>A key by its name.</summary>
    [ReadOnly, Alias("Find")]
    Task<Reply<ApiKey>> Find(string name);

    /// <summary>All keys that are remembered, by name.</summary>
    [ReadOnly, Alias("List")]
    Task<ApiKeyList> List();
}

/// <summary>Take in a key.</summary>
/// <param name="CommandId">Minted by whoever asks.</param>
/// <param name="Name">Its name, and its principal's.</param>
/// <param name="Hash">SHA-256 of its text, base64url.</param>
/// <param name="Owner">Who answers for it, and cannot approve for it.</param>
/// <param name="By">Who creates it.</param>
/// <param name="Lifetime">For how long it works.</param>
/// <param name="Groups">Groups of its principal, without the realm.</param>
/// <param name="Scope">What it is for.</param>
/// <param name="Description">For people, or null.</param>
[GenerateSerializer, Alias("jit.CreateApiKey")]
public sealed record CreateApiKey(
    [property: Id(0)] string CommandId,
    [property: Id(1)] string Name,
    [property: Id(2)] string Hash,
    [property: Id(3)] PrincipalId Owner,
    [property: Id(4)] PrincipalId By,
    [property: Id(5)] TimeSpan Lifetime,
    [property: Id(6)] ImmutableArray<string> Groups,
    [property: Id(7)] ApiKeyScope Scope,
    [property: Id(8)] string? Description);

/// <summary>Revoke a key.</summary>
[GenerateSerializer, Alias("jit.RevokeApiKey")]
public sealed record RevokeApiKey(
    [property: Id(0)] string CommandId, [property: Id(1)] string Name, [property: Id(2)] PrincipalId By, [property: Id(3)] string? Reason);

/// <summary>What a key is for: APIs and actions, empty for any.</summary>
[GenerateSerializer, Alias("jit.ApiKeyScope")]
public sealed record ApiKeyScope([property: Id(0)] ImmutableArray<string> Apis, [property: Id(1)] ImmutableArray<string> Actions);

/// <summary>An API key as it is kept.</summary>
[GenerateSerializer, Alias("jit.ApiKey")]
public sealed record ApiKey
{
    /// <summary>The realm of all keys' principals; no issuer has it.</summary>
    public const string Realm = "keys";

    /// <summary>Its name.</summary>
    [Id(0)] public required string Name { get; init; }

    /// <summary>SHA-256 of its text, base64url.</summary>
    [Id(1)] public required string Hash { get; init; }

    /// <summary>Who answers for it.</summary>
    [Id(2)] public required PrincipalId Owner { get; init; }

    /// <summary>Who created it.</summary>
    [Id(3)] public required PrincipalId CreatedBy { get; init; }

    /// <summary>When.</summary>
    [Id(4)] public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it ends.</summary>
    [Id(5)] public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>Groups of its principal, without the realm.</summary>
    [Id(6)] public ImmutableArray<string> Groups { get; init; } = [];

    /// <summary>What it is for.</summary>
    [Id(7)] public required ApiKeyScope Scope { get; init; }

    /// <summary>For people.</summary>
    [Id(8)] public string? Description { get; init; }

    /// <summary>When it was revoked.</summary>
    [Id(9)] public DateTimeOffset? RevokedAt { get; init; }

    /// <summary>Who revoked it.</summary>
    [Id(10)] public PrincipalId? RevokedBy { get; init; }

    /// <summary>The principal that calls with it.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public PrincipalId Principal => PrincipalOf(Name);

    /// <summary>The principal of a key's name.</summary>
    public static PrincipalId PrincipalOf(string name) => new($"{Realm}:key:{name}");

    /// <summary>Whether a principal is a key's.</summary>
    public static bool IsKey(PrincipalId principal) => principal.Value.StartsWith($"{Realm}:", StringComparison.Ordinal);
}

/// <summary>The keys that are remembered.</summary>
[GenerateSerializer, Alias("jit.ApiKeyList")]
public sealed record ApiKeyList([property: Id(0)] ImmutableArray<ApiKey> Keys);
