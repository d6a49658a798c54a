using JitGrains.Gateway.Assertions;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.RequestPath;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Silo.ControlPlane;

namespace JitGrains.Gateway.Injection;

/// <summary>Gets together what is to be added to calls. Thread-safe.</summary>
internal sealed class CallAdditions(AssertionKeys keys, GatewayOptions options, IIdGenerator ids, TimeProvider time)
{
    /// <summary>What callers are told where it cannot be had.</summary>
    public static Problem Unavailable { get; } = Problems.Unavailable("What the upstream is to know the call by cannot be had; the call has not run.");

    /// <summary>What is added to a call that may run; null where it cannot be had, and then the call must not go.</summary>
    /// <param name="call">The call.</param>
    /// <param name="grant">The grant that it runs under, if any.</param>
    public async ValueTask<Additions?> Make(Call call, Grant? grant)
    {
        Assertion? assertion = null;
        if (call.Api.Assertion is { } wanted)
        {
            if (await keys.Current(time.GetUtcNow()) is not { } key)
                return null;
            assertion = new Assertion(call, wanted, grant, options.AssertionIssuer, key, ids, time);
        }

        return new Additions(assertion);
    }
}
