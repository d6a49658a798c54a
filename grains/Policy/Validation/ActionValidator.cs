using JitGrains.Policy.Conditions;
using JitGrains.Policy.Loading;
using JitGrains.Policy.Matching;

namespace JitGrains.Policy.Validation;

/// <summary>Checks the actions of one API against one another.</summary>
internal static class ActionValidator
{
    public static void Validate(BoundApi api)
    {
        for (var i = 0; i < api.Actions.Length; i++)
        {
            for (var j = 0; j < i; j++)
            {
                if (api.Actions[i].Definition.Methods.Intersect(api.Actions[j].Definition.Methods).Any())
                    Compare(api.Actions[i], api.Actions[j], api.Definition.StrictDialect);
            }
        }
    }

    private static void Compare(BoundAction action, BoundAction other, bool strict)
    {
        var at = action.Keys.Near("path");
        var whom = $"'{other.Definition.Name}' ({other.Keys.Near("path").Place})";
        if (PathTemplate.Overlap(action.Template, other.Template, loose: false))
        {
            if (PathTemplate.Compare(action.Template, other.Template) == 0)
                SameShape(action, other, whom);
            else if (Crosses(action.Template, other.Template))
                at.Warning($"some calls fit both this path and that of {whom}; the one with the earlier fixed part takes them");
        }
        else if (!strict && SameShapeLoosely(action.Template, other.Template))
        {
            at.Error($"read loosely this is the path of {whom}, so calls would be refused as confusable; choose other paths, or declare dialect: strict if the upstream tells them apart");
        }
    }

    private static void SameShape(BoundAction action, BoundAction other, string whom)
    {
        if (action.When.IsEmpty && other.When.IsEmpty)
            action.Keys.Near("path").Error($"the same calls are {whom}: same methods, same path; give one of them conditions (when) that tell them apart");
        else if (!action.When.IsEmpty && !other.When.IsEmpty && !AreDisjoint(action.When, other.When))
            action.Keys.Near("when").Warning($"the conditions of this and of {whom} may hold for one call, which is then refused as ambiguous");
    }

    private static bool SameShapeLoosely(PathTemplate left, PathTemplate right) =>
        left.LooseSegments.Length == right.LooseSegments.Length
        && left.LooseSegments.Zip(right.LooseSegments).All(p => p.First.Kind == p.Second.Kind && (p.First.Kind != SegmentKind.Literal || p.First.Folded == p.Second.Folded));

    // Each is narrower than the other in some place: /a/{x}/c and /a/b/{y}.
    private static bool Crosses(PathTemplate left, PathTemplate right)
    {
        var pairs = left.Segments.Zip(right.Segments).ToArray();
        return pairs.Any(p => p.First.Kind < p.Second.Kind) && pairs.Any(p => p.First.Kind > p.Second.Kind);
    }

    /// <summary>Whether some field must have values for one that the other refuses.</summary>
    private static bool AreDisjoint(ConditionSet left, ConditionSet right) =>
        left.Conditions.OfType<FieldCondition>().Any(l => right.Conditions.OfType<FieldCondition>().Any(r =>
            l.Source == r.Source && l.Name == r.Name && (Excludes(l, r) || Excludes(r, l))));

    private static bool Excludes(FieldCondition named, FieldCondition other) =>
        named.Predicates.OfType<IsOneOf>().Any(one => one.Operands.All(o => other.Predicates.Any(p => p.Test(o.AsValue()) == Truth.False)))
        || (named.Predicates.OfType<Exists>().Any(e => !e.Expected) && other.Predicates.Any(p => p is Exists { Expected: true } or not (Exists or IsNot)))
        || named.Predicates.OfType<Compares>().Any(a => other.Predicates.OfType<Compares>().Any(b => AreApart(a, b)));

    private static bool AreApart(Compares below, Compares above) => (below.Comparison, above.Comparison) switch
    {
        (Comparison.LessThan, Comparison.AtLeast or Comparison.GreaterThan) => below.Bound <= above.Bound,
        (Comparison.AtMost, Comparison.GreaterThan) => below.Bound <= above.Bound,
        (Comparison.AtMost, Comparison.AtLeast) => below.Bound < above.Bound,
        _ => false,
    };
}
