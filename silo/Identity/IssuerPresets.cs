namespace JitGrains.Silo.Identity;

/// <summary>What is known of issuers that many have (docs/identity.md): their algorithms, and how their claims name who calls. Stateless and thread-safe.</summary>
public static class IssuerPresets
{
    /// <summary>GitHub Actions: a job is <c>service:repo:OWNER/NAME:ref:BRANCH</c>.</summary>
    public const string GitHubActions = "github-actions";

    /// <summary>GitLab CI: a job is <c>service:repo:GROUP/NAME:ref:BRANCH</c>.</summary>
    public const string GitLab = "gitlab";

    /// <summary>Microsoft Entra ID: people by object id, applications and managed identities by client id.</summary>
    public const string Azure = "azure";

    /// <summary>Kubernetes service accounts: <c>service:NAMESPACE:NAME</c>.</summary>
    public const string Kubernetes = "kubernetes";

    /// <summary>The presets' names.</summary>
    public static readonly IReadOnlyList<string> Names = [GitHubActions, GitLab, Azure, Kubernetes];

    private const string GitHubIssuer = "https://token.actions.githubusercontent.com";
    private const string GitLabIssuer = "https://gitlab.com";

    /// <summary>The options with what their preset fills in; what they give stands.</summary>
    public static IssuerOptions Apply(IssuerOptions issuer) => issuer.Preset switch
    {
        // A branch and a tag of the same name are two refs, and so two principals.
        GitHubActions => Fill(issuer, GitHubIssuer, ["RS256"],
        [
            new() { Claim = "ref", Pattern = "refs/heads/(?<branch>.+)", Template = "service:repo:{repository}:ref:{branch}" },
            new() { Claim = "ref", Pattern = "refs/tags/(?<tag>.+)", Template = "service:repo:{repository}:tag:{tag}" },
            new() { Claim = "ref", Pattern = "refs/pull/(?<number>[0-9]+)/(merge|head)", Template = "service:repo:{repository}:pull:{number}" },
        ]) with { TriggeredBy = issuer.TriggeredBy.Count > 0 ? issuer.TriggeredBy : ["user:{actor}"] },
        GitLab => Fill(issuer, GitLabIssuer, ["RS256"],
        [
            new() { Claim = "ref_type", Pattern = "branch", Template = "service:repo:{project_path}:ref:{ref}" },
            new() { Claim = "ref_type", Pattern = "tag", Template = "service:repo:{project_path}:tag:{ref}" },
        ]) with { TriggeredBy = issuer.TriggeredBy.Count > 0 ? issuer.TriggeredBy : ["user:{user_login}"] },
        // What a person delegated has scopes; an application of its own has none. Names of people change, object ids do not.
        Azure => Fill(issuer, "", ["RS256"],
        [
            new() { Claim = "scp", Template = "user:{oid}" },
            new() { Claim = "azp", Template = "service:{azp}" },
            new() { Claim = "appid", Template = "service:{appid}" },
        ]),
        Kubernetes => Fill(issuer, "", ["RS256", "ES256"],
        [
            new() { Claim = "sub", Pattern = "system:serviceaccount:(?<namespace>[^:]+):(?<name>[^:]+)", Template = "service:{namespace}:{name}" },
        ]),
        _ => issuer,
    };

    /// <summary>Whether anybody in the world can have such an issuer sign a token for us.</summary>
    internal static bool IsForEverybody(IssuerOptions issuer) => issuer.Issuer is GitHubIssuer or GitLabIssuer;

    internal static string OwnerClaim(IssuerOptions issuer) => issuer.Issuer == GitHubIssuer ? "repository_owner" : "namespace_path";

    private static IssuerOptions Fill(IssuerOptions issuer, string address, string[] algorithms, PrincipalMapping[] principals) => issuer with
    {
        Issuer = issuer.Issuer.Length > 0 ? issuer.Issuer : address,
        Algorithms = issuer.Algorithms.Count > 0 ? issuer.Algorithms : algorithms,
        Principals = issuer.Principals.Count > 0 || issuer.PrincipalClaim is not null ? issuer.Principals : principals,
    };
}
