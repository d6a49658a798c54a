using static JitGrains.Policy.Schema.Types;

namespace JitGrains.Policy.Schema;

/// <summary>The keys of what upstreams know the gateway by.</summary>
internal static class CredentialShapes
{
    private static readonly ValueType Reference = new TextType("^(env:[A-Za-z_][A-Za-z0-9_]*|file:/.+|azure-key-vault:https://.+)$");

    public static readonly Shape Header = new("header", "A header with a secret value.",
        new("name", Text, "Its name. A caller's own does not pass, nor an upstream's.", Required: true),
        new("value", Reference, "The secret: env:NAME, file:/path or azure-key-vault:https://NAME.vault.azure.net/secrets/NAME.", Required: true),
        new("prefix", Text, "What stands before it, with a space between: Bearer. Default nothing."));

    public static readonly Shape Query = new("query", "A query parameter with a secret value.",
        new("name", Text, "Its name. A caller's own does not pass.", Required: true),
        new("value", Reference, "The secret.", Required: true));

    public static readonly Shape Basic = new("basic", "User and password.",
        new("user", Text, "The user.", Required: true),
        new("password", Reference, "The password.", Required: true));

    public static readonly Shape OAuth = new("oauth", "A token by client credentials, fetched and kept by the gateway.",
        new("token_url", Text, "Where it is fetched; https, or http on this machine.", Required: true),
        new("client_id", Text, "The client's id.", Required: true),
        new("client_secret", Reference, "Its secret.", Required: true),
        new("scope", Text, "The scope to ask for."),
        new("audience", Text, "The audience to ask for."),
        new("client_auth", Word("header", "body"), "Where id and secret go. Default header."));

    public static readonly Shape Certificate = new("client_certificate", "The certificate that connections to upstreams are made with.",
        new("certificate", Reference, "The certificate, PEM.", Required: true),
        new("key", Reference, "Its private key, PEM.", Required: true));

    public static readonly Shape Credential = new("credential", "What upstreams know the gateway by: at most one of header, query, basic and oauth, and maybe client_certificate.",
        new("header", new ShapeType(Header), "A header with a secret value."),
        new("query", new ShapeType(Query), "A query parameter with a secret value."),
        new("basic", new ShapeType(Basic), "User and password."),
        new("oauth", new ShapeType(OAuth), "A token by client credentials."),
        new("client_certificate", new ShapeType(Certificate), "The certificate that connections are made with."));
}
