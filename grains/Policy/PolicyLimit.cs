using System.Collections.Immutable;
using JitGrains.Identity;
using JitGrains.Limits;
using JitGrains.Policy.Conditions;
using JitGrains.Policy.Evaluation;

namespace JitGrains.Policy;

/// <summary>At which point of a call a limit is taken: as soon as all is known that it depends on.</summary>
public enum LimitStage
{
    /// <summary>Before anybody is known. Only limits that give each address its own budget: nobody uses up another's without a token.</summary>
    BeforeAuthentication,

    /// <summary>Once the caller is known, before the body is read.</summary>
    AfterAuthentication,

    /// <summary>Once it is known which action it is.</summary>
    AfterMatch,
}

/// <summary>A limit of the policy. Immutable and thread-safe.</summary>
public sealed class PolicyLimit
{
    private readonly WhoSelector? who;
    private readonly ActionSelector? actions;
    private readonly ImmutableArray<string> apis;
    private readonly ImmutableArray<string> groups;

    internal PolicyLimit(LimitDefinition definition, SourcePlace place, WhoSelector? who, ActionSelector? actions, ImmutableArray<string> apis)
    {
        (Definition, Place, this.who, this.actions, this.apis) = (definition, place, who, actions, apis);
        groups = who is null ? [] : [.. who.Groups];
        Stage = actions is not null || definition.Per.HasFlag(LimitKeys.Action) ? LimitStage.AfterMatch
            : who is null && definition.Per is LimitKeys.Address or (LimitKeys.Address | LimitKeys.Api) ? LimitStage.BeforeAuthentication
            : LimitStage.AfterAuthentication;
    }

    /// <summary>What it is.</summary>
    public LimitDefinition Definition { get; }

    /// <summary>Where it stands.</summary>
    public SourcePlace Place { get; }

    /// <summary>When it is taken.</summary>
    public LimitStage Stage { get; }

    /// <summary>Whether it is about a caller. What cannot be told counts: a limit restricts. Allocates nothing but for claims.</summary>
    public bool IsAbout(Caller caller) =>
        (caller.Scope is not null || (Definition.Per & LimitKeys.ApiKey) == LimitKeys.None)
        && (who is null || (IsNamed(caller) && who.Actors?.Evaluate(caller) != Truth.False && (who.Claims.IsEmpty || who.Claims.Evaluate(new ConditionContext(null, null, null, caller, default, null, default, Strict: true)) != Truth.False)));

    /// <summary>Whether it is about calls of an API; null is for those of the gateway's own endpoints.</summary>
    public bool IsAboutApi(string? api) => api is null
        ? apis.IsEmpty && (Definition.Per & (LimitKeys.Api | LimitKeys.Action)) == LimitKeys.None && actions is null
        : apis.IsEmpty || apis.Contains(api, StringComparer.Ordinal);

    /// <summary>Whether it is about an action.</summary>
    public bool IsAboutAction(ActionDefinition action) => actions is null || actions.Selects(action);

    private bool IsNamed(Caller caller)
    {
        if (who!.Anyone || who.Principals.Contains(caller.Principal))
            return true;
        foreach (var group in groups)
        {
            if (caller.Groups.Contains(group))
                return true;
        }

        foreach (var actor in caller.Actors)
        {
            if (who.Principals.Contains(actor))
                return true;
        }

        return false;
    }
}
