using System.Collections.Immutable;
using JitGrains.Limits;
using JitGrains.Policy;

namespace JitGrains.Wire;

/// <summary>Why policy decides a call as it does (snake_case JSON): the same from the control plane and from a local file.</summary>
public sealed record ExplanationView
{
    /// <summary><c>deny</c>, <c>approve</c> or <c>allow</c>.</summary>
    public required RuleEffect Decision { get; init; }

    /// <summary>The deciding rule, several approve rules joined with <c>+</c>; null where none matched.</summary>
    public string? Rule { get; init; }

    /// <summary>Whether policy itself would approve.</summary>
    public bool Automatic { get; init; }

    /// <summary>One sentence where no rule was looked at.</summary>
    public string? Detail { get; init; }

    /// <summary>The code of a refusal that came before any rule, such as <c>confusable-target</c>.</summary>
    public string? Refusal { get; init; }

    /// <summary>The policy version.</summary>
    public required string PolicyVersion { get; init; }

    /// <summary>The API, where there is one.</summary>
    public string? Api { get; init; }

    /// <summary>The action, where the call is one.</summary>
    public string? Action { get; init; }

    /// <summary>The resource.</summary>
    public string? Resource { get; init; }

    /// <summary>The rules about this action, in the policy's order.</summary>
    public ImmutableArray<RuleView> Rules { get; init; } = [];

    /// <summary>The rate limits that count the call, in the policy's order.</summary>
    public ImmutableArray<LimitView> Limits { get; init; } = [];

    /// <summary>A probe's result as shown.</summary>
    public static ExplanationView From(string policyVersion, PolicyProbeResult result)
    {
        var found = result.Match as ActionMatch.Found;
        return new ExplanationView
        {
            Decision = result.Decision switch
            {
                PolicyDecision.Allow => RuleEffect.Allow,
                PolicyDecision.Approve => RuleEffect.Approve,
                _ => RuleEffect.Deny,
            },
            Rule = result.Decision.Rule,
            Automatic = result.Decision is PolicyDecision.Approve { Terms.Automatic: true },
            Detail = result switch
            {
                { EarlyRefusal: { } refusal } => refusal.Detail,
                { Match: ActionMatch.NoApi { UnknownHost: true } } => "No API has this host.",
                { Match: ActionMatch.NoApi } => "No API has this path.",
                { Match: ActionMatch.NoAction } => "The API has no action for this method and path.",
                { Decision.Rule: null } => "No rule applies; the default is deny.",
                _ => null,
            },
            Refusal = result.EarlyRefusal?.Code,
            PolicyVersion = policyVersion,
            Api = (found?.Api ?? (result.Match as ActionMatch.NoAction)?.Api ?? (result.Match as ActionMatch.Confusable)?.Api)?.Name,
            Action = found?.Action.Name,
            Resource = found?.Resource,
            Rules = result.Explanation is null ? [] : [.. result.Explanation.Rules.Where(r => r.SelectsAction).Select(RuleView.From)],
            Limits = [.. result.Limits.Select(LimitView.From)],
        };
    }
}

/// <summary>How one rule came to bear.</summary>
/// <param name="Rule">Its name.</param>
/// <param name="Effect">Its effect.</param>
/// <param name="Place">File, line and column.</param>
/// <param name="Who">Whether it is about this caller.</param>
/// <param name="When">Whether its conditions hold.</param>
/// <param name="Applied">Whether it counted.</param>
/// <param name="Decided">Whether it decided.</param>
/// <param name="Conditions">Each condition.</param>
public sealed record RuleView(
    string Rule, RuleEffect Effect, string Place, Truth Who, Truth When, bool Applied, bool Decided, ImmutableArray<ConditionView> Conditions)
{
    /// <summary>A rule's explanation as shown.</summary>
    public static RuleView From(RuleExplanation rule) => new(
        rule.Rule,
        rule.Effect,
        rule.Place.ToString(),
        rule.Who,
        rule.When,
        rule.Applied,
        rule.Decided,
        [.. rule.Conditions.Select(c => new ConditionView(c.Path, c.Test, c.Result, c.Problem))]);
}

/// <summary>How one condition came out.</summary>
/// <param name="Path">Where it stands in the rule.</param>
/// <param name="Test">What it asks.</param>
/// <param name="Result">How it came out.</param>
/// <param name="Problem">Why it could not be evaluated, or null.</param>
public sealed record ConditionView(string Path, string Test, Truth Result, string? Problem);

/// <summary>A rate limit that counts a call.</summary>
/// <param name="Limit">Its name.</param>
/// <param name="Place">File, line and column.</param>
/// <param name="Counts">What it counts: <c>calls</c>, <c>asks</c>.</param>
/// <param name="Test">What it admits, in words.</param>
public sealed record LimitView(string Limit, string Place, LimitSubject Counts, string Test)
{
    /// <summary>A limit as shown.</summary>
    public static LimitView From(PolicyLimit limit) => new(limit.Definition.Name, limit.Place.ToString(), limit.Definition.Counts, limit.Definition.ToString());
}
