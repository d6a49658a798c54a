using System.Collections.Frozen;
using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Identity;
using JitGrains.Policy.Conditions;

namespace JitGrains.Policy.Evaluation;

/// <summary>Whom a rule is about: somebody it lists or in a group it lists (or anyone), through the actors and with all the claims it asks for.</summary>
internal sealed record WhoSelector(bool Anyone, FrozenSet<PrincipalId> Principals, FrozenSet<string> Groups, ActorSelector? Actors, ConditionSet Claims)
{
    /// <summary>
    /// Whether the rule is about this caller. A listed principal that only acts for the subject makes it unknown: what
    /// restricts the actor restricts the call, what the actor may do is not thereby the subject's.
    /// </summary>
    public Truth Evaluate(in ConditionContext context) => Evaluate(IsNamed(context.Caller!), context);

    /// <summary>The same where it is known whether it names the caller.</summary>
    public Truth Evaluate(Truth named, in ConditionContext context)
    {
        if (Actors is not null && named != Truth.False)
            named = named.And(Actors.Evaluate(context.Caller!));
        return named == Truth.False ? named : named.And(Claims.Evaluate(context));
    }

    public Truth IsNamed(Caller caller)
    {
        if (Anyone || Principals.Contains(caller.Principal) || Overlaps(caller.Groups))
            return Truth.True;
        foreach (var actor in caller.Actors)
        {
            if (Principals.Contains(actor))
                return Truth.Unknown;
        }

        return Truth.False;
    }

    private bool Overlaps(ImmutableHashSet<string> groups)
    {
        if (Groups.Count == 0)
            return false;
        foreach (var group in groups)
        {
            if (Groups.Contains(group))
                return true;
        }

        return false;
    }
}

/// <summary>Which actions a rule is about: each part that is given must fit; within a part, one suffices.</summary>
internal sealed record ActionSelector(ImmutableArray<string> Names, ImmutableArray<string> Access, ImmutableArray<string> Sensitivity)
{
    public bool Selects(ActionDefinition action) =>
        (Names.IsEmpty || Names.Any(n => NameFits(n, action.Name)))
        && (Access.IsEmpty || (action.Access is not null && Access.Contains(action.Access)))
        && (Sensitivity.IsEmpty || (action.Sensitivity is not null && Sensitivity.Contains(action.Sensitivity)));

    /// <summary>Whether a name fits a pattern in which <c>*</c> stands for any text.</summary>
    public static bool NameFits(string pattern, string name)
    {
        var parts = pattern.Split('*');
        if (parts.Length == 1)
            return pattern == name;
        if (!name.StartsWith(parts[0], StringComparison.Ordinal) || name.Length < parts[0].Length + parts[^1].Length || !name.EndsWith(parts[^1], StringComparison.Ordinal))
            return false;
        var at = parts[0].Length;
        var end = name.Length - parts[^1].Length;
        foreach (var part in parts.AsSpan(1, parts.Length - 2))
        {
            var found = name.AsSpan(at, end - at).IndexOf(part, StringComparison.Ordinal);
            if (found < 0)
                return false;
            at += found + part.Length;
        }

        return true;
    }
}

/// <summary>What an approve rule demands.</summary>
/// <param name="Terms">Its terms, not automatic.</param>
/// <param name="Auto">Under which it approves by itself; null where it never does.</param>
internal sealed record ApproveRule(ApprovalTerms Terms, ConditionSet? Auto)
{
    /// <summary>The terms where the automatic conditions hold.</summary>
    public ApprovalTerms AutomaticTerms { get; } = Terms with { Automatic = true };
}

/// <summary>A rule ready to be evaluated. Immutable and thread-safe.</summary>
internal sealed class CompiledRule
{
    private ImmutableArray<CompiledRule> alone;

    public required string Name { get; init; }

    public required RuleEffect Effect { get; init; }

    public required SourcePlace Place { get; init; }

    public required WhoSelector Who { get; init; }

    public required ActionSelector Actions { get; init; }

    public required ConditionSet When { get; init; }

    /// <summary>Given for approve rules only.</summary>
    public ApproveRule? Approve { get; init; }

    /// <summary>What the caller's sign-in must be for it to let anything through; null for any.</summary>
    public SignInDemand? SignIn { get; init; }

    /// <summary>Whether it holds for every call of its actions, whoever makes it.</summary>
    public bool HoldsForEveryone => Who is { Anyone: true, Actors: null, Claims.IsEmpty: true } && When.IsEmpty;

    /// <summary>A list of nothing but this rule.</summary>
    public ImmutableArray<CompiledRule> Alone => alone.IsDefault ? alone = [this] : alone;

    /// <summary>The decision where it denies.</summary>
    public PolicyDecision Deny => field ??= new PolicyDecision.Deny(Name);

    /// <summary>The decision where only the caller's sign-in stands in the way.</summary>
    public PolicyDecision Challenge => field ??= new PolicyDecision.Deny(Name) { SignIn = SignIn };

    /// <summary>The decision where it allows.</summary>
    public PolicyDecision Allow => field ??= new PolicyDecision.Allow(Name);

    /// <summary>The decision where it alone demands a grant.</summary>
    public PolicyDecision Demand => field ??= new PolicyDecision.Approve(Name, Approve!.Terms);

    /// <summary>The decision where it alone demands a grant, and approves by itself.</summary>
    public PolicyDecision AutomaticDemand => field ??= new PolicyDecision.Approve(Name, Approve!.AutomaticTerms);

    /// <summary>Whether the caller has signed in as the rule demands.</summary>
    public bool IsSignedIn(in ConditionContext context) => SignIn is null || SignIn.IsMetBy(context.Caller!.SignIn, context.Now);

    /// <summary>Whether it looks at the connection's certificate.</summary>
    public bool NeedsCertificate => When.NeedsCertificate || Approve?.Auto is { NeedsCertificate: true };

    /// <summary>Whether it looks at the header that the caller's token comes in.</summary>
    public bool ReadsAuthorization => When.ReadsAuthorization || Approve?.Auto is { ReadsAuthorization: true };

    public bool NeedsBody => When.NeedsBody || Approve?.Auto is { NeedsBody: true };
}
