using JitGrains.Gateway.Assertions;
using JitGrains.Http;

namespace JitGrains.Gateway.Injection;

/// <summary>What the gateway adds to one call that its upstream is to believe. For one call; added anew for each attempt.</summary>
internal sealed class Additions(Assertion? assertion)
{
    /// <summary>Adds it to the upstream's request, once the caller's headers are in it; the target that the request is then for.</summary>
    public string Add(HttpRequestMessage upstream, CanonicalRequest request)
    {
        var target = request.RawTarget;
        if (assertion is not null)
            upstream.Headers.TryAddWithoutValidation(Assertion.Header, assertion.Sign(target));
        return target;
    }
}
