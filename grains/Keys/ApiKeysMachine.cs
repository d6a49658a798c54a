using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using JitGrains.Audit;
using JitGrains.Outbox;
using JitGrains.Shell;
using static JitGrains.Keys.ApiKeysEvent;

namespace JitGrains.Keys;

/// <summary>What the keys' grain keeps. Immutable; bounded by the limits of <see cref="ApiKeysMachine"/>.</summary>
public sealed record ApiKeysState
{
    /// <summary>The keys, by name.</summary>
    public ImmutableDictionary<string, ApiKey> Keys { get; init; } = ImmutableDictionary<string, ApiKey>.Empty;

    /// <summary>The latest commands' ids with the keys that they created, oldest first.</summary>
    public ImmutableArray<KeyValuePair<string, string>> Recent { get; init; } = [];

    /// <summary>Fields of later versions.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Extra { get; init; }
}

/// <summary>What happens to keys. Closed.</summary>
public abstract record ApiKeysEvent
{
    private ApiKeysEvent() { }

    /// <summary>A key was created.</summary>
    public sealed record Created(string CommandId, ApiKey Key) : ApiKeysEvent;

    /// <summary>A key was revoked.</summary>
    public sealed record Revoked(ApiKey Key, RevokeApiKey Command) : ApiKeysEvent;

    /// <summary>Keys that have been over for long are forgotten.</summary>
    public sealed record Tidied(DateTimeOffset At) : ApiKeysEvent;
}

/// <summary>The decisions about API keys. Pure and thread-safe.</summary>
public sealed class ApiKeysMachine : IStateMachine<ApiKeysState, ApiKeysEvent>
{
    /// <summary>Most keys, those included that are over and remembered.</summary>
    public const int MaxKeys = 1_000;

    /// <summary>How many command ids are remembered.</summary>
    public const int Remembered = 64;

    /// <summary>The longest life of a key.</summary>
    public static readonly TimeSpan LongestLife = TimeSpan.FromDays(366);

    /// <summary>How long a key that is over is remembered, and its name not used again.</summary>
    public static readonly TimeSpan Keep = TimeSpan.FromDays(90);

    /// <summary>Takes in a key.</summary>
    public static Decision<ApiKeysEvent, ApiKey> Decide(ApiKeysState state, CreateApiKey command, DateTimeOffset now)
    {
        if (state.Recent.FirstOrDefault(r => r.Key == command.CommandId).Value is { } known)
        {
            if (state.Keys.TryGetValue(known, out var earlier) && earlier.Hash == command.Hash)
                return new([], earlier);
            return new Refusal.CommandReused(command.CommandId);
        }

        if (state.Keys.ContainsKey(command.Name))
            return new Refusal.NameTaken("key");
        if (state.Keys.Count >= MaxKeys)
            return new Refusal.TooManyEntries("keys", MaxKeys);
        var key = new ApiKey
        {
            Name = command.Name,
            Hash = command.Hash,
            Owner = command.Owner,
            CreatedBy = command.By,
            CreatedAt = now,
            ExpiresAt = now.Plus(command.Lifetime < LongestLife ? command.Lifetime : LongestLife),
            Groups = command.Groups,
            Scope = command.Scope,
            Description = command.Description,
        };
        return new([new Created(command.CommandId, key)], key);
    }

    /// <summary>Revokes a key.</summary>
    public static Decision<ApiKeysEvent, ApiKey> Decide(ApiKeysState state, RevokeApiKey command, DateTimeOffset now)
    {
        if (!state.Keys.TryGetValue(command.Name, out var key))
            return new Refusal.NotFound("key");
        if (key.RevokedAt is not null)
            return new([], key);
        var revoked = key with { RevokedAt = now, RevokedBy = command.By };
        return new([new Revoked(revoked, command)], revoked);
    }

    /// <inheritdoc/>
    public ApiKeysState Apply(ApiKeysState state, ApiKeysEvent happened) => happened switch
    {
        Created e => state with
        {
            Keys = state.Keys.Add(e.Key.Name, e.Key),
            Recent = [.. state.Recent.Add(KeyValuePair.Create(e.CommandId, e.Key.Name)).TakeLast(Remembered)],
        },
        Revoked e => state with { Keys = state.Keys.SetItem(e.Key.Name, e.Key) },
        Tidied e => state with { Keys = state.Keys.RemoveRange(state.Keys.Values.Where(k => e.At >= k.ExpiresAt.Plus(Keep)).Select(k => k.Name)) },
        _ => state,
    };

    /// <inheritdoc/>
    public IEnumerable<AuditDraft> Audit(ApiKeysState before, ApiKeysEvent happened)
    {
        switch (happened)
        {
            case Created { Key: var k }:
                yield return new AuditDraft(AuditTypes.KeyCreated,
                [
                    new("key", k.Name), new("owner", k.Owner.Value, Personal: true), new("by", k.CreatedBy.Value, Personal: true), AuditField.At("expires_at", k.ExpiresAt),
                    .. AuditField.Optional("groups", string.Join(' ', k.Groups), personal: false),
                    .. AuditField.Optional("apis", string.Join(' ', k.Scope.Apis), personal: false),
                    .. AuditField.Optional("actions", string.Join(' ', k.Scope.Actions), personal: false),
                ]);
                break;
            case Revoked { Key: var k, Command: var c }:
                yield return new AuditDraft(AuditTypes.KeyRevoked,
                    [new("key", k.Name), new("owner", k.Owner.Value, Personal: true), new("by", c.By.Value, Personal: true), .. AuditField.Optional("reason", c.Reason, personal: true)]);
                break;
            default:
                break;
        }
    }

    /// <inheritdoc/>
    public IEnumerable<OutboxMessage> Effects(ApiKeysState after, ApiKeysEvent happened) => [];

    /// <inheritdoc/>
    public DateTimeOffset? NextDue(ApiKeysState state) => state.Keys.Values.Select(k => (DateTimeOffset?)k.ExpiresAt.Plus(Keep)).Min();

    /// <inheritdoc/>
    public ImmutableArray<ApiKeysEvent> Tick(ApiKeysState state, DateTimeOffset now) =>
        state.Keys.Values.Any(k => now >= k.ExpiresAt.Plus(Keep)) ? [new Tidied(now)] : [];
}
