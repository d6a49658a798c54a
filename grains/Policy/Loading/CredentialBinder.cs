using JitGrains.Http;
using JitGrains.Policy.Schema;
using JitGrains.Policy.Yaml;
using JitGrains.Secrets;

namespace JitGrains.Policy.Loading;

/// <summary>Reads what upstreams know the gateway by.</summary>
internal static class CredentialBinder
{
    private static readonly string[] Exclusive = ["header", "query", "basic", "oauth"];

    public static CredentialDefinition? Read(Cursor at, IReadOnlyCollection<Uri> upstreams, bool forwardsAuthorization)
    {
        if (at.Shape(CredentialShapes.Credential) is not { } keys)
            return null;
        var given = Exclusive.Where(k => keys[k] is not null).ToArray();
        if (given.Length > 1)
            keys.Near(given[1]).Error($"there is '{given[0]}' already; at most one of {string.Join(", ", Exclusive)}");
        if (given.Length == 0 && keys["client_certificate"] is null)
            at.Error($"name one of {string.Join(", ", Exclusive)}, or client_certificate");
        var credential = new CredentialDefinition
        {
            Header = keys["header"] is { } h ? Header(h) : null,
            Query = keys["query"] is { } q ? Query(q) : null,
            Basic = keys["basic"] is { } b ? Basic(b) : null,
            OAuth = keys["oauth"] is { } o ? OAuth(o) : null,
            Certificate = keys["client_certificate"] is { } c ? Certificate(c) : null,
        };
        if (forwardsAuthorization && credential.HeaderName == "authorization")
            at.Error("the caller's Authorization goes upstream (forward_authorization), so the gateway's cannot");
        if (credential.Certificate is not null && upstreams.Any(u => u.Scheme != "https"))
            keys.Near("client_certificate").Error("an upstream without https is shown no certificate");
        else if (upstreams.Any(u => u.Scheme != "https" && !u.IsLoopback))
            at.Warning("an upstream without https is sent the secret in clear text");
        return credential;
    }

    private static HeaderCredential? Header(Cursor at)
    {
        if (at.Shape(CredentialShapes.Header) is not { } keys)
            return null;
        var name = keys["name"] is { } n ? HeaderSyntax.Read(n) : null;
        if (name is not null && (!ForwardedHeaders.IsForwarded(name, forwardAuthorization: true) || name.StartsWith("content-", StringComparison.Ordinal) || name is "expect" or "range"))
            keys.Near("name").Error("this header is not for an upstream to know anybody by");
        var prefix = keys["prefix"]?.Text(64);
        return name is not null && keys["value"] is { } v && Reference(v) is { } value ? new HeaderCredential(name, value, prefix is null ? "" : prefix + " ") : null;
    }

    private static QueryCredential? Query(Cursor at) =>
        at.Shape(CredentialShapes.Query) is { } keys && keys["name"]?.Token() is { } name && keys["value"] is { } v && Reference(v) is { } value
            ? new QueryCredential(name, value)
            : null;

    private static BasicCredential? Basic(Cursor at)
    {
        if (at.Shape(CredentialShapes.Basic) is not { } keys)
            return null;
        var user = keys["user"]?.Text(256);
        if (user?.Contains(':', StringComparison.Ordinal) == true)
            keys.Near("user").Error("a user's name has no colon (RFC 7617)");
        return user is not null && keys["password"] is { } p && Reference(p) is { } password ? new BasicCredential(user, password) : null;
    }

    private static OAuthCredential? OAuth(Cursor at)
    {
        if (at.Shape(CredentialShapes.OAuth) is not { } keys)
            return null;
        var url = keys["token_url"] is { } u ? TokenUrl(u) : null;
        var (id, scope, audience) = (keys["client_id"]?.Text(256), keys["scope"]?.Text(), keys["audience"]?.Text());
        var inBody = keys["client_auth"]?.Word("header", "body") == "body";
        return url is not null && id is not null && keys["client_secret"] is { } s && Reference(s) is { } secret
            ? new OAuthCredential(url, id, secret, scope, audience, inBody)
            : null;
    }

    private static CertificateCredential? Certificate(Cursor at)
    {
        if (at.Shape(CredentialShapes.Certificate) is not { } keys)
            return null;
        var certificate = keys["certificate"] is { } c ? Reference(c) : null;
        var key = keys["key"] is { } k ? Reference(k) : null;
        return certificate is not null && key is not null ? new CertificateCredential(certificate, key) : null;
    }

    private static SecretReference? Reference(Cursor at)
    {
        if (at.Node is not YamlScalar { IsNull: false } scalar)
            return at.Fail<SecretReference>("a reference to a secret is expected here");
        // What may be a secret that somebody wrote here by mistake is not repeated.
        return SecretReference.TryParse(scalar.Text, out var reference, out var problem) ? reference : at.Fail<SecretReference>(problem);
    }

    private static Uri? TokenUrl(Cursor at)
    {
        if (at.Text(512) is not { } text)
            return null;
        return Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.UserInfo.Length == 0 && uri.Fragment.Length == 0
            && (uri.Scheme == "https" || (uri.Scheme == "http" && uri.IsLoopback))
            ? uri
            : at.Fail<Uri>("where a token is fetched is an https address, or http on this machine, with no user and no fragment");
    }
}
