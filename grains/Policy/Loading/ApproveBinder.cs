using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Policy.Conditions;
using JitGrains.Policy.Evaluation;
using JitGrains.Policy.Schema;
using JitGrains.Policy.Yaml;

namespace JitGrains.Policy.Loading;

/// <summary>Reads what an approve rule demands and gives.</summary>
internal static class ApproveBinder
{
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MostToDecide = TimeSpan.FromDays(30);
    private static readonly TimeSpan StandardWindow = TimeSpan.FromMinutes(10);

    public static ApproveRule? Read(Cursor at, Names names, string rule, string version)
    {
        if (at.Shape(PolicyShapes.Approve) is not { } keys)
            return null;
        if (keys["stages"] is null && keys["auto"] is null)
            return at.Fail<ApproveRule>("nobody could approve: give stages, or auto conditions under which policy itself approves");
        var (defaultUses, maxUses) = keys["uses"] is { } u ? Uses(u) : (1, 1);
        var (defaultWindow, maxWindow) = Window(keys, counted: maxUses is not null);
        var terms = new ApprovalTerms
        {
            Rule = rule,
            PolicyVersion = version,
            Stages = keys["stages"] is { } s ? Stages(s, names) : [],
            ReasonRequired = keys["reason"]?.Word("required", "optional") == "required",
            DefaultUses = defaultUses,
            MaxUses = maxUses,
            DefaultWindow = defaultWindow,
            MaxWindow = maxWindow,
            DecideWithin = keys["decide_within"]?.Duration(Least, MostToDecide) ?? TimeSpan.FromMinutes(30),
            DenialCooldown = keys["denial_cooldown"]?.Duration(TimeSpan.Zero, MostToDecide) ?? TimeSpan.FromMinutes(10),
        };
        return new ApproveRule(terms, keys["auto"] is { } auto ? ConditionBinder.When(auto, names.Addresses) : null);
    }

    private static ImmutableArray<Stage> Stages(Cursor at, Names names)
    {
        var all = ImmutableArray.CreateBuilder<Stage>();
        foreach (var item in at.Items())
        {
            if (item.Shape(PolicyShapes.Stage) is not { } keys)
                continue;
            var stage = new Stage
            {
                Name = keys["name"]?.Token() ?? $"{all.Count + 1}",
                Groups = keys["groups"] is { } g ? names.GroupList(g) : [],
                Principals = keys["principals"] is { } p ? names.Principals(p) : [],
                Quorum = keys["quorum"]?.Integer(1, 100) ?? 1,
                SignIn = keys["sign_in"] is { } s ? SignInBinder.Read(s) : null,
            };
            if (keys["groups"] is null && keys["principals"] is null)
                item.Error("nobody could vote in this stage; list groups or principals");
            if (all.Any(s => s.Name == stage.Name))
                keys.Near("name").Error($"there are two stages of the name '{stage.Name}'");
            all.Add(stage);
        }

        return all.ToImmutable();
    }

    private static (int? Default, int? Max) Uses(Cursor at)
    {
        if (at.Node is not YamlMap)
            return Count(at) is { Known: true } only ? (only.Uses, only.Uses) : (1, 1);
        if (at.Shape(PolicyShapes.Uses) is not { } keys || keys["max"] is not { } m || Count(m) is not { Known: true } max)
            return (1, 1);
        var standard = keys["default"] is { } d ? Count(d) : (Known: true, Uses: max.Uses);
        if (standard.Known && max.Uses is { } most && standard.Uses is null or > 0 && (standard.Uses ?? int.MaxValue) > most)
            keys.Near("default").Error($"the default is above the maximum ({most})");
        return (standard.Uses, max.Uses);
    }

    private static (bool Known, int? Uses) Count(Cursor at)
    {
        if (at.Node is YamlScalar { Text: "unlimited" })
            return (true, null);
        if (at.Node is YamlScalar { Text: "once" })
            return (true, 1);
        if (at.Node is YamlScalar { IsPlain: true } scalar && scalar.Text.All(char.IsAsciiDigit) && scalar.Text.Length > 0)
            return at.Integer(1, 1_000_000) is { } count ? (true, count) : (false, 1);
        at.Error("once, unlimited or a whole number is expected here");
        return (false, 1);
    }

    private static (TimeSpan Default, TimeSpan Max) Window(ShapeReader keys, bool counted)
    {
        if (keys["use_within"] is { } within)
        {
            if (keys["window"] is not null)
                within.Error("window and use_within are two names of one thing; give one");
            else if (!counted)
                within.Error("use_within goes with counted uses; a grant of unlimited uses has a window");
        }

        var only = keys["use_within"]?.Duration(Least, ApprovalTerms.LongestWindow) ?? StandardWindow;
        if (keys["window"] is not { } window)
            return (only, only);
        if (window.Node is not YamlMap)
            return window.Duration(Least, ApprovalTerms.LongestWindow) is { } both ? (both, both) : (StandardWindow, StandardWindow);
        if (window.Shape(PolicyShapes.Window) is not { } parts || parts["max"]?.Duration(Least, ApprovalTerms.LongestWindow) is not { } max)
            return (StandardWindow, StandardWindow);
        var standard = parts["default"] is { } d ? d.Duration(Least, ApprovalTerms.LongestWindow) ?? Least : StandardWindow < max ? StandardWindow : max;
        if (standard > max)
            parts.Near("default").Error($"the default ({Durations.Show(standard)}) is above the maximum ({Durations.Show(max)})");
        return (standard, max);
    }
}
