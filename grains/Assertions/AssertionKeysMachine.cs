using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using JitGrains.Audit;
using JitGrains.Outbox;
using JitGrains.Shell;

namespace JitGrains.Assertions;

/// <summary>What the grain of the assertion keys keeps. Immutable; a few keys at most.</summary>
public sealed record AssertionKeysState
{
    /// <summary>The keys, in the order in which they sign.</summary>
    public ImmutableArray<AssertionKey> Keys { get; init; } = [];

    /// <summary>Fields of later versions.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Extra { get; init; }
}

/// <summary>A key was taken; those whose time is over are gone.</summary>
/// <param name="Key">The key.</param>
/// <param name="At">When.</param>
public sealed record AssertionKeyTaken(AssertionKey Key, DateTimeOffset At);

/// <summary>Decides which keys sign assertions, and when. Pure and thread-safe.</summary>
public sealed class AssertionKeysMachine : IStateMachine<AssertionKeysState, AssertionKeyTaken>
{
    /// <summary>Longest life of an assertion. A key is published for twice as long after it signed last: clocks differ.</summary>
    public static readonly TimeSpan LongestLife = TimeSpan.FromMinutes(5);

    /// <summary>Shortest and longest time for which a key signs.</summary>
    public static readonly TimeSpan LeastRotation = TimeSpan.FromHours(1), MostRotation = TimeSpan.FromDays(90);

    private static readonly TimeSpan MostLead = TimeSpan.FromHours(1);

    /// <summary>How long before it signs a key is published: six times as long as the published keys may be kept by whoever fetched them.</summary>
    public static TimeSpan LeadOf(TimeSpan rotation) => rotation / 2 < MostLead ? rotation / 2 : MostLead;

    /// <summary>Whether a key is due: there is none to sign with, or the last one will stop soon.</summary>
    public static bool IsDue(ImmutableArray<AssertionKey> keys, TimeSpan rotation, DateTimeOffset now) =>
        keys.IsEmpty || now >= keys[^1].SignsUntil - LeadOf(rotation);

    /// <summary>Takes a key where one is due.</summary>
    public static Decision<AssertionKeyTaken, AssertionKeySet> Decide(AssertionKeysState state, OfferAssertionKey command, DateTimeOffset now)
    {
        var rotation = command.Rotation < LeastRotation ? LeastRotation : command.Rotation > MostRotation ? MostRotation : command.Rotation;
        if (!IsDue(state.Keys, rotation, now) || state.Keys.Any(k => k.KeyId == command.KeyId))
            return new([], View(state, now));
        // The first one signs at once, for nobody can have fetched what was before; so does one that comes too late.
        var from = state.Keys is [.., { } last] && last.SignsUntil > now ? last.SignsUntil : now;
        var until = from + rotation;
        var taken = new AssertionKeyTaken(
            new AssertionKey
            {
                KeyId = command.KeyId,
                X = command.X,
                Y = command.Y,
                Sealed = command.Sealed,
                SignsFrom = from,
                SignsUntil = until,
                PublishedUntil = until + LongestLife + LongestLife,
            },
            now);
        return new([taken], View(Next(state, taken), now));
    }

    /// <summary>The keys that are published at a time.</summary>
    public static AssertionKeySet View(AssertionKeysState state, DateTimeOffset now) => new([.. state.Keys.Where(k => now < k.PublishedUntil)]);

    /// <inheritdoc/>
    public AssertionKeysState Apply(AssertionKeysState state, AssertionKeyTaken happened) => Next(state, happened);

    /// <summary>Which key signs from when to when, and which are gone: upstreams believe what is signed with them.</summary>
    public IEnumerable<AuditDraft> Audit(AssertionKeysState before, AssertionKeyTaken happened) =>
    [
        new AuditDraft(AuditTypes.AssertionKeyTaken,
        [
            new("key", happened.Key.KeyId),
            AuditField.At("signs_from", happened.Key.SignsFrom),
            AuditField.At("signs_until", happened.Key.SignsUntil),
            AuditField.At("published_until", happened.Key.PublishedUntil),
            .. AuditField.Optional("gone", string.Join(' ', before.Keys.Where(k => happened.At >= k.PublishedUntil).Select(k => k.KeyId)), personal: false),
        ]),
    ];

    /// <inheritdoc/>
    public IEnumerable<OutboxMessage> Effects(AssertionKeysState after, AssertionKeyTaken happened) => [];

    /// <summary>Never: what is over is left out wherever it is looked at.</summary>
    public DateTimeOffset? NextDue(AssertionKeysState state) => null;

    /// <inheritdoc/>
    public ImmutableArray<AssertionKeyTaken> Tick(AssertionKeysState state, DateTimeOffset now) => [];

    private static AssertionKeysState Next(AssertionKeysState state, AssertionKeyTaken happened) =>
        state with { Keys = [.. state.Keys.Where(k => happened.At < k.PublishedUntil), happened.Key] };
}
