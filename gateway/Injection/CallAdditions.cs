using JitGrains.Gateway.Assertions;
using JitGrains.Gateway.Forwarding;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.RequestPath;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Policy;
using JitGrains.Silo.ControlPlane;
using JitGrains.Silo.Policies;

namespace JitGrains.Gateway.Injection;

/// <summary>Gets together what is to be added to calls. Thread-safe.</summary>
internal sealed class CallAdditions(
    AssertionKeys keys, SecretReader secrets, OAuthTokens tokens, ClientCertificates certificates, IPolicyProvider policies, GatewayOptions options, IIdGenerator ids, TimeProvider time)
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

        if (call.Api.Credential is not { } definition)
            return new Additions(assertion, null, null);
        if (definition.Certificate is { } certificate && await certificates.Of(certificate).Get() is null)
            return null;
        var token = definition.OAuth is { } oauth ? tokens.Of(oauth) : null;
        var credential = await Find(definition, token);
        return credential is null && definition is not { Header: null, Query: null, Basic: null, OAuth: null } ? null : new Additions(assertion, credential, token);
    }

    /// <summary>
    /// Right before the first upstream byte: null, or why the call must not go. Another policy may have other upstreams under the
    /// API's name, which are not to be sent what was meant for those before.
    /// </summary>
    public string? WhyStale(Call call)
    {
        if (call.Api.Credential is null || ReferenceEquals(policies.Current, call.Policy))
            return null;
        foreach (var api in policies.Current.Apis)
        {
            if (api.Name == call.Api.Name)
                return api.Credential == call.Api.Credential && api.Upstreams.SequenceEqual(call.Api.Upstreams) ? null : ForwardErrors.PolicyChanged;
        }

        return ForwardErrors.PolicyChanged;
    }

    private async ValueTask<UpstreamCredential?> Find(CredentialDefinition definition, Kept<SecretValue>? token) => definition switch
    {
        { Header: { } header } => await secrets.Read(header.Value) is { } value ? UpstreamCredential.OfHeader(header, value.Text.Reveal()) : null,
        { Query: { } query } => await secrets.Read(query.Value) is { } value ? UpstreamCredential.OfQuery(query, value.Text.Reveal()) : null,
        { Basic: { } basic } => await secrets.Read(basic.Password) is { } value ? UpstreamCredential.OfBasic(basic, value.Text.Reveal()) : null,
        _ => token is not null && await token.Get() is { } value ? UpstreamCredential.OfToken(value.Text.Reveal()) : null,
    };
}
