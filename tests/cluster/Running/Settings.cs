using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Running;

/// <summary>What all processes of a run have in common.</summary>
/// <param name="Upstream">Where the policy's API is.</param>
/// <param name="Policy">The policy, which names its upstream <c>$UPSTREAM</c>.</param>
/// <param name="Issuer">Whose tokens count.</param>
internal sealed record Settings(Uri Upstream, string Policy, Issuer Issuer)
{
    /// <summary>Further settings by name.</summary>
    public IReadOnlyDictionary<string, string> More { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Whether gateways acknowledge to silos without the database.</summary>
    public bool AnswersDirectly { get; init; } = true;

    /// <summary>Further environment variables.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    public void Apply(ClusterProcess process)
    {
        var policy = Path.Combine(process.Folder, "policy.yaml");
        var text = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, Policy));
        File.WriteAllText(policy, text.Replace("$UPSTREAM", Upstream.GetLeftPart(UriPartial.Authority), StringComparison.Ordinal));
        process.Set("Policy", policy);
        // Processes are stopped and starved here on purpose: what is turned away then is no business of these tests.
        process.Set("MaxDelay", "01:00:00");
        process.Set("Data", Path.Combine(process.Folder, "data"));
        process.Set("Issuers__0__Realm", "dev");
        process.Set("Issuers__0__Issuer", Issuer.Address);
        process.Set("Issuers__0__Audiences__0", Issuer.Audience);
        // Tokens outlast a run.
        process.Set("VoteTokenAge", "1.00:00:00");
        process.Set("Operators__0", "dev:operators");
        process.Set("Port", $"{process.Gateway.Port}");
        process.Set("ControlPort", $"{process.Control.Port}");
        foreach (var (name, value) in More)
            process.Set(name, value);
        foreach (var (name, value) in Variables)
            process.Environment[name] = value;
    }
}
