using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Http;
using JitGrains.Network;
using JitGrains.Policy.Evaluation;
using JitGrains.Policy.Matching;

namespace JitGrains.Policy;

/// <summary>
/// A whole policy, validated and compiled; what is decided depends on it and on the arguments only. Immutable and
/// thread-safe. Precedence: deny over approve over allow; no match denies. A condition that cannot be evaluated counts
/// as true for deny and approve, and false for allow and automatic approval. Made by <see cref="PolicyLoader"/>.
/// </summary>
public sealed class CompiledPolicy
{
    private readonly ImmutableArray<CompiledApi> apis;
    private readonly ImmutableDictionary<string, CompiledAction> actions;
    private readonly Matcher matcher;

    internal CompiledPolicy(string version, string? realm, ImmutableArray<CompiledApi> apis, ImmutableArray<CompiledRule> rules, ImmutableArray<PolicyLimit> limits, NetworkFilter? network)
    {
        Version = version;
        Network = network;
        Realm = realm;
        Limits = limits;
        this.apis = apis;
        Apis = [.. apis.Select(a => a.Definition)];
        actions = apis.SelectMany(a => a.Actions).ToImmutableDictionary(a => a.Definition.Name, StringComparer.Ordinal);
        matcher = new Matcher(apis);
        NeedsCertificate = rules.Any(r => r.NeedsCertificate);
        ReadsAuthorization = rules.Any(r => r.ReadsAuthorization) || actions.Values.Any(a => a.When.ReadsAuthorization);
        Evaluator = new Evaluator(rules, actions.Values.Select(a => a.Definition));
    }

    /// <summary>SHA-256 over the policy's files, short (<c>sha256-</c> and 16 hex digits): stamped on every decision.</summary>
    public string Version { get; }

    /// <summary>The realm of principals and groups that are written without one, or null.</summary>
    public string? Realm { get; }

    /// <summary>The APIs in file order.</summary>
    public ImmutableArray<ApiDefinition> Apis { get; }

    /// <summary>The rate limits in file order.</summary>
    public ImmutableArray<PolicyLimit> Limits { get; }

    /// <summary>From where calls are taken at all, whatever they are for; null where that does not matter.</summary>
    public NetworkFilter? Network { get; }

    /// <summary>Whether any rule looks at the certificate of a call's connection.</summary>
    public bool NeedsCertificate { get; }

    /// <summary>Whether any rule, or what makes a call an action, looks at the header that callers' tokens come in.</summary>
    public bool ReadsAuthorization { get; }

    internal Evaluator Evaluator { get; }

    /// <summary>Whether calls for an API (or for none in particular) are taken from there.</summary>
    public bool Admits(ApiDefinition? api, in CallOrigin origin) => Network?.Admits(origin) != false && api?.Network?.Admits(origin) != false;

    /// <summary>
    /// What is known of a call before its body is read. Where <see cref="MatchOutline.NeedsBody"/> says so, read the body
    /// and give it to <see cref="Match"/> and <see cref="Evaluate"/>; they do not fail without it, they refuse more.
    /// </summary>
    public MatchOutline Outline(CanonicalRequest request) => matcher.Outline(request);

    /// <summary>Which action a call is.</summary>
    /// <param name="request">The call.</param>
    /// <param name="body">Its body as JSON; null where there is none, it was not needed, or it is not readable JSON.</param>
    public ActionMatch Match(CanonicalRequest request, JsonBody? body) => matcher.Match(request, body);

    /// <summary>What policy says of a call.</summary>
    public PolicyDecision Evaluate(PolicyInput input) => Evaluator.Evaluate(input);

    /// <summary>Whether calls of an action may need a grant; those of which callers is not asked.</summary>
    public bool MayDemandGrant(ActionDefinition action) => Evaluator.MayDemandGrant(action);

    /// <summary>The same decision, with how each rule came to bear on it.</summary>
    public PolicyExplanation Explain(PolicyInput input) => Explainer.Explain(Evaluator, Version, input);

    /// <summary>
    /// Whether a grant could be of use to anybody under this policy: its action is there and binds as much, and its votes meet
    /// the stages of one of the approve rules for it. Whom these are about is not asked: a grant does not say which groups
    /// its holder is in.
    /// </summary>
    public bool CouldUse(Grant grant) =>
        FindAction(grant.Action) is var (api, action) && api.Name == grant.Api && action.Binding == grant.Binding && Evaluator.CouldUse(grant);

    /// <summary>
    /// Whether somebody could have been asked to ask this by this policy: its action is there and binds as much, and its terms
    /// are those of approve rules for it, the ones that hold for everyone among them. Of whom and of what call the others
    /// hold is not asked, and neither whether automatic conditions are met: an ask shows neither groups nor the whole call.
    /// </summary>
    public bool CouldAsk(Ask ask) =>
        ask.Terms.PolicyVersion == Version
        && FindAction(ask.Action) is var (api, action) && api.Name == ask.Api && action.Binding == ask.Binding
        && action.Access == ask.Access && action.Sensitivity == ask.Sensitivity
        && (ask.PayloadDigest is not null) == (action.Binding == BindingKind.Payload)
        && Evaluator.CouldAsk(ask);

    /// <summary>An action by its name, with its API; null where there is none.</summary>
    public (ApiDefinition Api, ActionDefinition Action)? FindAction(string name) =>
        actions.TryGetValue(name, out var action)
            ? (apis.First(a => a.Actions.Contains(action)).Definition, action.Definition)
            : null;

    /// <summary>
    /// The resource that somebody asks for ahead of any call. Exactly the action's path parameters must be given, each with
    /// a value that a call could have.
    /// </summary>
    /// <param name="action">The action.</param>
    /// <param name="values">Parameter values by name, decoded (as sent, for the parameter that may be encoded).</param>
    /// <param name="captures">The captures, as <see cref="ActionMatch.Found"/> has them.</param>
    /// <param name="resource">The resource, as <see cref="ActionMatch.Found"/> has it.</param>
    /// <param name="problem">What is wrong, for the asker; empty where nothing is.</param>
    public bool TryMakeResource(ActionDefinition action, IReadOnlyDictionary<string, string> values, out PathCaptures captures, out string resource, out string problem)
    {
        if (actions.TryGetValue(action.Name, out var known))
            return AskedResource.TryMake(known, values, out captures, out resource, out problem);

        // The action is of a policy that has been replaced since.
        (captures, resource, problem) = (PathCaptures.Empty, "", "there is no such action any more");
        return false;
    }
}
