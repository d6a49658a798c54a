using JitGrains.Audit;
using JitGrains.Shell;

namespace JitGrains.Keys;

/// <summary>The shell around <see cref="ApiKeysMachine"/>.</summary>
[GrainType("api_keys")]
public sealed class ApiKeysGrain(
    [PersistentState("api_keys")] IPersistentState<GrainDocument<ApiKeysState>> document,
    ITurnClock clock,
    AuditSealer sealer)
    : MachineGrain<ApiKeysState, ApiKeysEvent>(new ApiKeysMachine(), document, clock, sealer), IApiKeysGrain
{
    /// <inheritdoc/>
    protected override string AuditSource => "api_keys";

    /// <inheritdoc/>
    public Task<Reply<ApiKey>> Create(CreateApiKey command) => Run((state, now) => ApiKeysMachine.Decide(state, command, now));

    /// <inheritdoc/>
    public Task<Reply<ApiKey>> Revoke(RevokeApiKey command) => Run((state, now) => ApiKeysMachine.Decide(state, command, now));

    /// <inheritdoc/>
    public Task<Reply<ApiKey>> Find(string name) =>
        Task.FromResult<Reply<ApiKey>>(State.Keys.TryGetValue(name, out var key) ? key : new Refusal.NotFound("key"));

    /// <inheritdoc/>
    public Task<ApiKeyList> List() => Task.FromResult(new ApiKeyList([.. State.Keys.Values.OrderBy(k => k.Name, StringComparer.Ordinal)]));
}
