using JitGrains.Gateway.Assertions;
using JitGrains.Http;
using Microsoft.Extensions.Primitives;

namespace JitGrains.Gateway.Injection;

/// <summary>What the gateway adds to one call that its upstream is to believe. For one call; added anew for each attempt.</summary>
internal sealed class Additions(Assertion? assertion, UpstreamCredential? credential, Kept<SecretValue>? token)
{
    /// <summary>A token that was fetched less than this ago is not the reason for a refusal.</summary>
    private static readonly TimeSpan YoungestDoubted = TimeSpan.FromSeconds(30);

    /// <summary>Adds it to the upstream's request, once the caller's headers are in it; the target that the request is then for.</summary>
    public string Add(HttpRequestMessage upstream, CanonicalRequest request)
    {
        var target = credential?.Parameter is { } name ? UpstreamQuery.With(request, name, credential.Value.Reveal()) : request.RawTarget;
        if (credential?.Header is { } header)
        {
            upstream.Headers.Remove(header);
            upstream.Headers.TryAddWithoutValidation(header, credential.Value.Reveal());
        }

        if (assertion is not null)
            upstream.Headers.TryAddWithoutValidation(Assertion.Header, assertion.Sign(target));
        return target;
    }

    /// <summary>The upstream refused to know the caller: a token that was fetched is not good any more.</summary>
    public void Refused() => token?.Doubt(YoungestDoubted);

    /// <summary>
    /// Takes out of the answer's headers, or trailers, what holds the secret; a redirect to the call's own address keeps its
    /// target without the parameter.
    /// </summary>
    public void Clean(IHeaderDictionary headers)
    {
        if (credential is null)
            return;
        List<string>? echoing = null;
        foreach (KeyValuePair<string, StringValues> header in headers)
        {
            foreach (var value in header.Value)
            {
                if (credential.IsIn(value))
                {
                    (echoing ??= []).Add(header.Key);
                    break;
                }
            }
        }

        foreach (var name in echoing ?? [])
        {
            var without = credential.Parameter is { } parameter && name.ToUpperInvariant() is "LOCATION" or "CONTENT-LOCATION" && headers[name] is [{ } address]
                ? UpstreamQuery.WithoutIn(address, credential.Parameter!)
                : null;
            if (without is null || credential.IsIn(without))
                headers.Remove(name);
            else
                headers[name] = without;
        }
    }
}
