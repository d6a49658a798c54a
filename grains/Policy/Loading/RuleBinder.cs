using System.Collections.Frozen;
using System.Collections.Immutable;
using JitGrains.Policy.Conditions;
using JitGrains.Policy.Evaluation;
using JitGrains.Policy.Schema;
using JitGrains.Policy.Yaml;

namespace JitGrains.Policy.Loading;

/// <summary>A rule as read, with where its parts stand.</summary>
internal sealed record BoundRule(CompiledRule Rule, ShapeReader Keys);

/// <summary>Reads rules.</summary>
internal static class RuleBinder
{
    public static BoundRule? Read(Cursor at, Names names, string version)
    {
        if (at.Shape(PolicyShapes.Rule) is not { } keys)
            return null;
        _ = keys["description"]?.Text();
        var name = keys["name"]?.Token();
        var effect = keys["effect"]?.Word("deny", "approve", "allow");
        var who = keys["who"] is { } w ? Who(w, names) : null;
        var actions = keys["actions"] is { } a ? Actions(a) : null;
        var when = ConditionBinder.When(keys["when"], names.Addresses);
        var approve = keys["approve"] is { } p ? ApproveBinder.Read(p, names, name ?? "", version) : null;
        var signIn = keys["sign_in"] is { } s ? SignInBinder.Read(s) : null;
        if (effect == "deny" && keys["sign_in"] is { } useless)
            useless.Error("a rule that denies asks for no sign-in; give it to the rules that allow or approve");
        if (effect == "approve" && keys["approve"] is null)
            at.Error("effect: approve needs an approve block that says who approves");
        else if (effect is "deny" or "allow" && keys["approve"] is { } stray)
            stray.Error($"an approve block goes with effect: approve, not {effect}");
        if (name is null || effect is null || who is null || actions is null || (effect == "approve" && approve is null))
            return null;
        var rule = new CompiledRule
        {
            Name = name,
            Effect = effect switch { "deny" => RuleEffect.Deny, "approve" => RuleEffect.Approve, _ => RuleEffect.Allow },
            Place = at.Place,
            Who = who,
            Actions = actions,
            When = when,
            Approve = effect == "approve" ? approve : null,
            SignIn = signIn,
        };
        return new BoundRule(rule, keys);
    }

    public static WhoSelector? Who(Cursor at, Names names)
    {
        if (at.Shape(PolicyShapes.Who) is not { } keys)
            return null;
        var anyone = keys["anyone"]?.Boolean();
        if (anyone == false)
            return keys.Near("anyone").Fail<WhoSelector>("only true means something here; leave it out otherwise");
        var principals = keys["principals"] is { } p ? names.Principals(p) : [];
        var groups = keys["groups"] is { } g ? names.GroupList(g) : [];
        var claims = keys["claims"] is { } c ? new ConditionSet([.. FieldBinder.Fields(c, FieldSource.Claims)]) : ConditionSet.Empty;
        var actors = keys["actors"] is { } t ? Actors(t, names) : null;
        var listed = keys["principals"] is not null || keys["groups"] is not null;
        if (anyone == true && listed)
            return keys.Near("anyone").Fail<WhoSelector>("anyone: true makes principals and groups mean nothing; give one or the other");
        if (anyone is null && !listed && keys["claims"] is null && keys["actors"] is null)
            return at.Fail<WhoSelector>("this is nobody; list principals, groups, actors or claims, or say anyone: true");
        if (keys["actors"] is not null && actors is null)
            return null;
        return new WhoSelector(anyone == true || !listed, principals.ToFrozenSet(), groups.ToFrozenSet(StringComparer.Ordinal), actors, claims);
    }

    private static ActorSelector? Actors(Cursor at, Names names)
    {
        if (at.Node is YamlScalar)
            return at.Word("any", "none") switch { "any" => ActorSelector.Any, "none" => ActorSelector.None, _ => null };
        return names.Principals(at) is { IsEmpty: false } listed ? ActorSelector.Of(listed) : null;
    }

    public static ActionSelector? Actions(Cursor at)
    {
        if (at.Shape(PolicyShapes.Actions) is not { } keys)
            return null;
        if (keys["names"] is null && keys["access"] is null && keys["sensitivity"] is null)
            return at.Fail<ActionSelector>("this is no action; give names, access or sensitivity (names: [\"*\"] is every action)");
        return new ActionSelector(
            keys["names"] is { } n ? n.List(Pattern) : [],
            keys["access"] is { } a ? a.List(i => i.Token()) : [],
            keys["sensitivity"] is { } s ? s.List(i => i.Token()) : []);
    }

    private static string? Pattern(Cursor at)
    {
        var text = at.Text(64);
        if (text is null)
            return null;
        return text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '*') && !text.Contains("**", StringComparison.Ordinal)
            ? text
            : at.Fail<string>($"'{Shown.Text(text)}' is no action name; * stands for any text");
    }
}
