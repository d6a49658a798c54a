using JitGrains.Http;
using JitGrains.Secrets;

namespace JitGrains.Policy;

/// <summary>
/// What an API's upstreams know the gateway by: at most one of header, query, basic and OAuth, and maybe a client certificate.
/// Names of secrets only. Immutable and thread-safe; equal where it says the same.
/// </summary>
public sealed record CredentialDefinition
{
    /// <summary>A header with a secret value.</summary>
    public HeaderCredential? Header { get; init; }

    /// <summary>A query parameter with a secret value.</summary>
    public QueryCredential? Query { get; init; }

    /// <summary>User and password (RFC 7617).</summary>
    public BasicCredential? Basic { get; init; }

    /// <summary>A token that the gateway fetches (RFC 6749 section 4.4).</summary>
    public OAuthCredential? OAuth { get; init; }

    /// <summary>The certificate that connections are made with.</summary>
    public CertificateCredential? Certificate { get; init; }

    /// <summary>The header that is the gateway's to write, lower case with hyphens; null for none. A caller's, and an upstream's, does not pass.</summary>
    public string? HeaderName => Header is { } header ? HeaderNames.Hyphenated(header.Name) : Basic is not null || OAuth is not null ? "authorization" : null;

    /// <summary>Every secret that is used, with where it is sent beside the upstreams.</summary>
    public IEnumerable<(SecretReference Reference, Uri? To)> Secrets
    {
        get
        {
            if ((Header?.Value ?? Query?.Value ?? Basic?.Password) is { } value)
                yield return (value, null);
            if (OAuth is { } oauth)
                yield return (oauth.ClientSecret, oauth.TokenUrl);
            if (Certificate is { } certificate)
            {
                yield return (certificate.Certificate, null);
                yield return (certificate.Key, null);
            }
        }
    }
}

/// <summary>A header with a secret value.</summary>
/// <param name="Name">Its name, lower case.</param>
/// <param name="Value">The secret.</param>
/// <param name="Prefix">What stands before it, such as <c>Bearer </c>; or empty.</param>
public sealed record HeaderCredential(string Name, SecretReference Value, string Prefix);

/// <summary>A query parameter with a secret value.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Value">The secret.</param>
public sealed record QueryCredential(string Name, SecretReference Value);

/// <summary>User and password (RFC 7617).</summary>
/// <param name="User">The user, which is no secret.</param>
/// <param name="Password">The password.</param>
public sealed record BasicCredential(string User, SecretReference Password);

/// <summary>A token by client credentials (RFC 6749 section 4.4).</summary>
/// <param name="TokenUrl">Where it is fetched.</param>
/// <param name="ClientId">The client's id.</param>
/// <param name="ClientSecret">Its secret.</param>
/// <param name="Scope">The scope asked for, or null.</param>
/// <param name="Audience">The audience asked for, or null.</param>
/// <param name="InBody">Whether id and secret go in the body in place of a header.</param>
public sealed record OAuthCredential(Uri TokenUrl, string ClientId, SecretReference ClientSecret, string? Scope, string? Audience, bool InBody);

/// <summary>A client certificate.</summary>
/// <param name="Certificate">The certificate, PEM.</param>
/// <param name="Key">Its private key, PEM.</param>
public sealed record CertificateCredential(SecretReference Certificate, SecretReference Key);
