using System.Collections.Immutable;

namespace JitGrains.Policy;

/// <summary>What a rule does where it applies.</summary>
public enum RuleEffect
{
    /// <summary>Refuses; beats everything.</summary>
    Deny,

    /// <summary>Asks for a grant; beats allow.</summary>
    Approve,

    /// <summary>Lets through.</summary>
    Allow,
}

/// <summary>A decision and how each rule came to bear on it. Quotes the policy, never the call.</summary>
/// <param name="Decision">The decision, the same as <see cref="CompiledPolicy.Evaluate"/>.</param>
/// <param name="PolicyVersion">The policy's version.</param>
/// <param name="Rules">Every rule, in the order of the files.</param>
public sealed record PolicyExplanation(PolicyDecision Decision, string PolicyVersion, ImmutableArray<RuleExplanation> Rules);

/// <summary>How one rule came to bear.</summary>
public sealed record RuleExplanation
{
    /// <summary>Its name.</summary>
    public required string Rule { get; init; }

    /// <summary>Its effect.</summary>
    public required RuleEffect Effect { get; init; }

    /// <summary>Where it stands.</summary>
    public required SourcePlace Place { get; init; }

    /// <summary>Whether it is about this action; where not, nothing else was looked at.</summary>
    public required bool SelectsAction { get; init; }

    /// <summary>Whether it is about this caller.</summary>
    public Truth Who { get; init; }

    /// <summary>Whether its conditions hold, all together.</summary>
    public Truth When { get; init; }

    /// <summary>Whether it counted: for deny and approve also where something was unknown, for allow only where all was true.</summary>
    public bool Applied { get; init; }

    /// <summary>Whether it is among the rules that the decision names.</summary>
    public bool Decided { get; init; }

    /// <summary>Each condition of the rule, <c>auto</c> ones included.</summary>
    public ImmutableArray<ConditionExplanation> Conditions { get; init; } = [];
}

/// <summary>How one condition came out.</summary>
/// <param name="Path">Where it stands in the rule: <c>when.body.amount</c>, <c>approve.auto.address</c>.</param>
/// <param name="Test">What it asks, as the policy has it.</param>
/// <param name="Result">How it came out.</param>
/// <param name="Problem">Why it could not be evaluated; null where it could.</param>
public sealed record ConditionExplanation(string Path, string Test, Truth Result, string? Problem);
