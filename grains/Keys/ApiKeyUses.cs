using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using JitGrains.Audit;
using JitGrains.Outbox;
using JitGrains.Shell;

namespace JitGrains.Keys;

/// <summary>When keys were used last (one grain, key <see cref="Key"/>), as gateways tell now and then: apart from the keys, which no gateway may change.</summary>
[Alias("jit.IApiKeyUsesGrain"), Version(1)]
public interface IApiKeyUsesGrain : IGrainWithStringKey
{
    /// <summary>The one key.</summary>
    const string Key = "api-key-uses";

    /// <summary>Notes uses; an earlier one than is known changes nothing.</summary>
    [Alias("Note")]
    Task<Reply<Done>> Note(NoteKeyUses command);

    /// <summary>The last uses.</summary>
    [ReadOnly, Alias("List")]
    Task<KeyUses> List();
}

/// <summary>Note uses.</summary>
[GenerateSerializer, Alias("jit.NoteKeyUses")]
public sealed record NoteKeyUses([property: Id(0)] ImmutableArray<KeyUse> Uses);

/// <summary>A key's last use.</summary>
[GenerateSerializer, Alias("jit.KeyUse")]
public sealed record KeyUse([property: Id(0)] string Name, [property: Id(1)] DateTimeOffset At);

/// <summary>Last uses.</summary>
[GenerateSerializer, Alias("jit.KeyUses")]
public sealed record KeyUses([property: Id(0)] ImmutableArray<KeyUse> Uses);

/// <summary>What is kept of uses. Immutable; bounded.</summary>
public sealed record ApiKeyUsesState
{
    /// <summary>The last use of each key.</summary>
    public ImmutableDictionary<string, DateTimeOffset> Last { get; init; } = ImmutableDictionary<string, DateTimeOffset>.Empty;

    /// <summary>Fields of later versions.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Extra { get; init; }
}

/// <summary>Uses were noted.</summary>
public sealed record KeyUsesNoted(ImmutableArray<KeyUse> Uses);

/// <summary>Keeps the last use of each key. Pure and thread-safe.</summary>
public sealed class ApiKeyUsesMachine : IStateMachine<ApiKeyUsesState, KeyUsesNoted>
{
    /// <summary>Most keys whose use is remembered; those used longest ago go first.</summary>
    public const int Most = 2 * ApiKeysMachine.MaxKeys;

    /// <summary>Notes uses.</summary>
    public static Decision<KeyUsesNoted, Done> Decide(ApiKeyUsesState state, NoteKeyUses command)
    {
        var news = command.Uses.Where(u => !state.Last.TryGetValue(u.Name, out var known) || known < u.At).ToImmutableArray();
        return new(news.IsEmpty ? [] : [new KeyUsesNoted(news)], Done.Instance);
    }

    /// <inheritdoc/>
    public ApiKeyUsesState Apply(ApiKeyUsesState state, KeyUsesNoted happened)
    {
        var last = state.Last.SetItems(happened.Uses.Select(u => KeyValuePair.Create(u.Name, u.At)));
        return state with { Last = last.Count <= Most ? last : last.RemoveRange(last.OrderBy(l => l.Value).Take(last.Count - Most).Select(l => l.Key)) };
    }

    /// <summary>Nobody's access depends on it.</summary>
    public IEnumerable<AuditDraft> Audit(ApiKeyUsesState before, KeyUsesNoted happened) => [];

    /// <inheritdoc/>
    public IEnumerable<OutboxMessage> Effects(ApiKeyUsesState after, KeyUsesNoted happened) => [];

    /// <inheritdoc/>
    public DateTimeOffset? NextDue(ApiKeyUsesState state) => null;

    /// <inheritdoc/>
    public ImmutableArray<KeyUsesNoted> Tick(ApiKeyUsesState state, DateTimeOffset now) => [];
}

/// <summary>The shell around <see cref="ApiKeyUsesMachine"/>.</summary>
[GrainType("api_key_uses")]
public sealed class ApiKeyUsesGrain(
    [PersistentState("api_key_uses")] IPersistentState<GrainDocument<ApiKeyUsesState>> document,
    ITurnClock clock,
    AuditSealer sealer)
    : MachineGrain<ApiKeyUsesState, KeyUsesNoted>(new ApiKeyUsesMachine(), document, clock, sealer), IApiKeyUsesGrain
{
    /// <summary>Never used: nothing here is audited.</summary>
    protected override string AuditSource => "api_key_uses";

    /// <inheritdoc/>
    public Task<Reply<Done>> Note(NoteKeyUses command) => Run((state, _) => ApiKeyUsesMachine.Decide(state, command));

    /// <inheritdoc/>
    public Task<KeyUses> List() => Task.FromResult(new KeyUses([.. State.Last.Select(l => new KeyUse(l.Key, l.Value))]));

    /// <summary>The next batch says more.</summary>
    protected override bool MayBeLost(KeyUsesNoted happened) => true;
}
