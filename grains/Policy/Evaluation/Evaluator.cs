using System.Collections.Frozen;
using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Policy.Conditions;

namespace JitGrains.Policy.Evaluation;

/// <summary>Applies the rules: deny over approve over allow. Immutable and thread-safe.</summary>
internal sealed class Evaluator
{
    private static readonly PolicyDecision NoMatch = new PolicyDecision.Deny(null);
    private readonly FrozenDictionary<string, ActionRules> byAction;
    private readonly CallerProfiles profiles;

    public Evaluator(ImmutableArray<CompiledRule> rules, IEnumerable<ActionDefinition> actions)
    {
        Rules = rules;
        byAction = actions.Index().ToFrozenDictionary(a => a.Item.Name, a => new ActionRules(a.Index, [.. rules.Where(r => r.Actions.Selects(a.Item))]), StringComparer.Ordinal);
        profiles = new CallerProfiles(rules, byAction.Count);
    }

    /// <summary>In the order of the files.</summary>
    public ImmutableArray<CompiledRule> Rules { get; }

    public PolicyDecision Evaluate(PolicyInput input)
    {
        // An action of another policy than this one has no rules here.
        if (!byAction.TryGetValue(input.Action.Name, out var rules))
            return NoMatch;
        var context = ContextOf(input);
        var concerned = profiles.Of(input.Caller, rules);
        foreach (var deny in concerned.Deny)
        {
            if (deny.Applies(context) != Truth.False)
                return deny.Rule.Deny;
        }

        CompiledRule? allow = null, unsigned = null;
        foreach (var allowing in concerned.Allow)
        {
            if (allowing.Applies(context) != Truth.True)
                continue;
            if (!allowing.Rule.IsSignedIn(context))
            {
                unsigned ??= allowing.Rule;
                continue;
            }

            allow = allowing.Rule;
            break;
        }

        var demanding = Demanding(concerned.Approve, context, out var mayAsk);
        if (demanding.IsEmpty)
            return allow?.Allow ?? unsigned?.Challenge ?? NoMatch;
        if (!mayAsk && allow is null)
            return unsigned?.Challenge ?? NoMatch;
        foreach (var rule in demanding)
        {
            if (!rule.IsSignedIn(context))
                return rule.Challenge;
        }

        return ApproveUnion.Decide(demanding, context);
    }

    /// <summary>Whether there is an approve rule for the action.</summary>
    public bool MayDemandGrant(ActionDefinition action) => byAction.TryGetValue(action.Name, out var rules) && !rules.Approve.All.IsEmpty;

    /// <summary>Whether the grant's votes meet the stages of any approve rule for its action; where there is none, whether it needs no grant.</summary>
    public bool CouldUse(Grant grant)
    {
        if (!byAction.TryGetValue(grant.Action, out var rules))
            return false;
        if (rules.Approve.All.IsEmpty)
            return !rules.Allow.All.IsEmpty;
        // Where several rules demand something, all of it is demanded: what meets none of them alone meets no union either.
        return rules.Approve.All.Any(r => Quorum.StillStands(grant, r.Approve!.Auto is null ? r.Approve.Terms : r.Approve.AutomaticTerms, [grant.Principal, .. grant.Actors]));
    }

    /// <summary>Whether the ask's terms are those of approve rules for its action, and within them what is asked for.</summary>
    public bool CouldAsk(Ask ask)
    {
        if (!byAction.TryGetValue(ask.Action, out var rules))
            return false;
        var names = ask.Terms.Rule.Split('+');
        ImmutableArray<CompiledRule> named = [.. rules.Approve.All.Where(r => names.Contains(r.Name, StringComparer.Ordinal))];
        if (named.IsEmpty || named.Length != names.Length || rules.Approve.All.Any(r => r.HoldsForEveryone && !named.Contains(r)))
            return false;
        return ApproveUnion.TermsOf(named).IsSameAs(ask.Terms with { Automatic = false })
            && (!ask.Terms.Automatic || named.All(r => r.Approve!.Auto is not null))
            && (ask.Terms.MaxUses is not { } most || (ask.Uses is { } uses && uses <= most))
            && ask.Uses is null or >= 1
            && ask.Window > TimeSpan.Zero
            && ask.Window <= ask.Terms.MaxWindow;
    }

    internal static ConditionContext ContextOf(PolicyInput input) =>
        new(input.Captures, input.Request, input.Body, input.Caller, input.Origin, input.Certificate, input.Now, input.Api.StrictDialect);

    internal static Truth Applies(CompiledRule rule, in ConditionContext context)
    {
        var who = rule.Who.Evaluate(context);
        return who == Truth.False ? who : who.And(rule.When.Evaluate(context));
    }

    // An approve rule both restricts and lets ask. It restricts whomever it may be about; it lets only those ask whom it
    // is certainly about.
    private static ImmutableArray<CompiledRule> Demanding(ConcernedRule[] rules, in ConditionContext context, out bool mayAsk)
    {
        mayAsk = false;
        var demanding = ImmutableArray<CompiledRule>.Empty;
        foreach (var concerned in rules)
        {
            var (rule, who) = (concerned.Rule, concerned.Who(context));
            if (who == Truth.False || rule.When.Evaluate(context) == Truth.False)
                continue;
            mayAsk |= who == Truth.True;
            demanding = demanding.IsEmpty ? rule.Alone : demanding.Add(rule);
        }

        return demanding;
    }
}
