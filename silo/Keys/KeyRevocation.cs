using JitGrains.Identity;
using JitGrains.Keys;
using JitGrains.Silo.Revocation;

namespace JitGrains.Silo.Keys;

/// <summary>Takes API keys away: when it has returned, nothing starts under the key anywhere. Thread-safe; repeating a call is allowed.</summary>
internal sealed class KeyRevocation(IGrainFactory grains, IRevocationService revocation, IIdGenerator ids)
{
    /// <summary>Revokes a key, and blocks its principal at every gateway.</summary>
    public async Task<Reply<RevocationResult>> RevokeAsync(string name, RevocationOrder order)
    {
        var reply = await grains.GetGrain<IApiKeysGrain>(IApiKeysGrain.Key).Revoke(new RevokeApiKey(ids.NewCommandId(), name, order.By, order.Reason));
        if (reply.Value is not { } key)
            return reply.Refusal!;
        // Also where it was revoked before: whoever repeats a call whose answer was lost gets the same promise.
        return await revocation.BlockAsync(key.Principal, order, CancellationToken.None);
    }
}
