using System.Collections.Immutable;
using System.Globalization;
using JitGrains.Silo.Identity;
using JitGrains.Silo.Notifications;
using JitGrains.Silo.SignIn;
using JitGrains.Silo.Upstreams;
using Microsoft.Extensions.Configuration;

namespace JitGrains.Silo;

/// <summary>How the control plane runs. docs/operations.md lists all settings.</summary>
public sealed record SiloOptions
{
    /// <summary>Whose tokens are accepted. Default: none; the quickstart adds its own issuer.</summary>
    public ImmutableArray<IssuerOptions> Issuers { get; init; } = [];

    /// <summary>Whose client certificates show who calls, without a token. Default: none.</summary>
    public ImmutableArray<CertificateIssuerOptions> CertificateIssuers { get; init; } = [];

    /// <summary>How often it is looked whether their files changed. Default 30 s.</summary>
    public TimeSpan CertificatesPoll { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Qualified groups (<c>realm:group</c>) whose members see everything, cancel and revoke. Default: none.</summary>
    public ImmutableArray<string> Operators { get; init; } = [];

    /// <summary>Qualified groups whose members see everything and read the audit trail. Default: none.</summary>
    public ImmutableArray<string> Auditors { get; init; } = [];

    /// <summary>The address under which people reach the control plane; links are built from it only. Default: none, and so no links.</summary>
    public Uri? PublicUrl { get; init; }

    /// <summary>
    /// Where gateways reach this very silo's control plane, not whatever balances load: there they acknowledge revocations, and not through
    /// the database. Default: none, and so through the database.
    /// </summary>
    public Uri? AnswerUrl { get; init; }

    /// <summary>A policy file, or a folder of them (<c>*.yaml</c>, <c>*.yml</c>).</summary>
    public string Policy { get; init; } = "";

    /// <summary>
    /// Whether the policy is the store's, one for the whole cluster: then <see cref="Policy"/> is only what a silo applies where
    /// there is none yet. Default: the files are the policy.
    /// </summary>
    public bool PolicyInStore { get; init; }

    /// <summary>
    /// Whether a silo applies <see cref="Policy"/> at its start in place of what the store has, whatever that says: the way out
    /// of a policy that nobody may replace. Default false.
    /// </summary>
    public bool PolicyForce { get; init; }

    /// <summary>What this process does. Default: everything.</summary>
    public ProcessRole Role { get; init; }

    /// <summary>How often the policy's files are looked at. Default 2 s. A change is taken on when it was seen twice. The store is asked as often.</summary>
    public TimeSpan PolicyPoll { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How people sign in with a browser. Default: not at all.</summary>
    public SignInOptions SignIn { get; init; } = new();

    /// <summary>The outgoing webhook. Default: none.</summary>
    public WebhookOptions? Webhook { get; init; }

    /// <summary>How long ago the token of a vote may have been issued: who votes has been to its issuer lately. Default 10 min.</summary>
    public TimeSpan VoteTokenAge { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Where telemetry goes (OTLP over gRPC). Default: as the variables OTEL_EXPORTER_OTLP_ENDPOINT and its like say, and
    /// nowhere without them.
    /// </summary>
    public Uri? OtlpEndpoint { get; init; }

    /// <summary>What policy may not decide: which secrets it may name for which upstreams, and in which networks these are.</summary>
    public UpstreamRules Upstreams { get; init; } = UpstreamRules.None;

    /// <summary>How many principals or addresses each rate limit tells apart; those beyond share budgets. Default 65,536.</summary>
    public int LimitCapacity { get; init; } = 65_536;

    /// <summary>
    /// Reads a configuration section, of all these what the host does not add, adding to
    /// <paramref name="problems"/> everything that cannot be read.
    /// </summary>
    public static SiloOptions Read(IConfiguration section, ICollection<string> problems) => new()
    {
        Issuers = [.. Bind<List<IssuerOptions>>(section, nameof(Issuers), problems) ?? []],
        CertificateIssuers = [.. Bind<List<CertificateIssuerOptions>>(section, nameof(CertificateIssuers), problems) ?? []],
        // What is wrong with it is told by the listeners, whose setting it is too.
        CertificatesPoll = TimeSpan.TryParse(section[nameof(CertificatesPoll)], CultureInfo.InvariantCulture, out var poll) && poll > TimeSpan.Zero ? poll : TimeSpan.FromSeconds(30),
        Operators = [.. Bind<List<string>>(section, nameof(Operators), problems) ?? []],
        Auditors = [.. Bind<List<string>>(section, nameof(Auditors), problems) ?? []],
        PublicUrl = Address(section, nameof(PublicUrl), problems),
        AnswerUrl = Address(section, nameof(AnswerUrl), problems),
        Policy = section[nameof(Policy)] ?? "",
        PolicyForce = bool.TryParse(section[nameof(PolicyForce)], out var force) && force,
        SignIn = Bind<SignInOptions>(section, nameof(SignIn), problems) ?? new SignInOptions(),
        Webhook = Bind<WebhookOptions>(section, nameof(Webhook), problems),
        OtlpEndpoint = Address(section, nameof(OtlpEndpoint), problems),
        Upstreams = UpstreamRules.Read(section, problems),
        LimitCapacity = Count(section, nameof(LimitCapacity), 65_536, problems),
        VoteTokenAge = Duration(section, nameof(VoteTokenAge), TimeSpan.FromMinutes(10), problems),
    };

    /// <summary>Everything that is wrong with the options, none where they are fine.</summary>
    public IReadOnlyList<string> Problems()
    {
        var problems = IssuerOptions.ProblemsOf(Issuers).Concat(CertificateIssuerOptions.ProblemsOf(CertificateIssuers, Issuers)).ToList();
        foreach (var (name, groups) in new[] { (nameof(Operators), Operators), (nameof(Auditors), Auditors) })
        {
            problems.AddRange(groups.Where(g => g.IndexOf(':', StringComparison.Ordinal) is < 1 || g.EndsWith(':'))
                .Select(g => $"{name}: '{g}' is not realm:group, such as dev:managers."));
        }

        foreach (var (name, url) in new[] { (nameof(PublicUrl), PublicUrl), (nameof(AnswerUrl), AnswerUrl) })
        {
            if (url is not null && (!url.IsAbsoluteUri || url.Scheme is not ("http" or "https") || url.Query.Length > 0 || url.Fragment.Length > 0 || url.UserInfo.Length > 0))
                problems.Add($"{name} is an absolute http or https address without user, query or fragment.");
        }

        if (AnswerUrl is not null && !Role.RunsSilo())
            problems.Add("AnswerUrl is for silos: gateways learn it from them.");
        if (string.IsNullOrWhiteSpace(Policy) && !PolicyInStore)
            problems.Add("Policy names a policy file or folder.");
        if (PolicyForce && (!PolicyInStore || Policy.Length == 0 || !Role.RunsSilo()))
            problems.Add("PolicyForce is for a silo that has a Policy to put in place of the store's.");
        if (PolicyPoll <= TimeSpan.Zero)
            problems.Add("PolicyPoll is more than zero.");
        if (VoteTokenAge < TimeSpan.FromMinutes(1) || VoteTokenAge > TimeSpan.FromDays(1))
            problems.Add("VoteTokenAge is from one minute to one day.");
        if (LimitCapacity is < 1024 or > 1024 * 1024)
            problems.Add("LimitCapacity is from 1024 to 1048576.");
        problems.AddRange(SignIn.Problems(Issuers, PublicUrl));
        if (Webhook is not null)
            problems.AddRange(Webhook.Problems());
        return problems;
    }

    private static T? Bind<T>(IConfiguration section, string name, ICollection<string> problems)
        where T : class
    {
        try
        {
            return section.GetSection(name).Get<T>(o => o.ErrorOnUnknownConfiguration = true);
        }
        catch (InvalidOperationException e)
        {
            // The outer message only says that there is an inner one.
            problems.Add($"{name}: {(e.InnerException ?? e).Message}");
            return null;
        }
    }

    private static int Count(IConfiguration section, string name, int otherwise, ICollection<string> problems)
    {
        if (string.IsNullOrWhiteSpace(section[name]))
            return otherwise;
        if (int.TryParse(section[name], NumberStyles.None, CultureInfo.InvariantCulture, out var count))
            return count;
        problems.Add($"{name}: it is not a whole number.");
        return otherwise;
    }

    private static TimeSpan Duration(IConfiguration section, string name, TimeSpan otherwise, ICollection<string> problems)
    {
        if (string.IsNullOrWhiteSpace(section[name]))
            return otherwise;
        if (TimeSpan.TryParse(section[name], CultureInfo.InvariantCulture, out var duration))
            return duration;
        problems.Add($"{name}: it is not a duration, such as 00:10:00.");
        return otherwise;
    }

    private static Uri? Address(IConfiguration section, string name, ICollection<string> problems)
    {
        if (string.IsNullOrWhiteSpace(section[name]))
            return null;
        if (Uri.TryCreate(section[name], UriKind.Absolute, out var uri))
            return uri;
        problems.Add($"{name}: it is not an absolute address.");
        return null;
    }
}
