using JitGrains.Policy.Loading;
using JitGrains.Policy.Matching;
using JitGrains.Policy.Yaml;

namespace JitGrains.Policy.Validation;

/// <summary>Checks APIs against one another.</summary>
internal static class ApiValidator
{
    public static void Validate(BoundPolicy policy)
    {
        UniqueActions(policy);
        for (var i = 0; i < policy.Apis.Length; i++)
        {
            for (var j = 0; j < policy.Apis.Length; j++)
            {
                if (i == j || policy.Apis[i].Definition.Host != policy.Apis[j].Definition.Host)
                    continue;
                if (j < i)
                    SamePrefix(policy.Apis[i], policy.Apis[j]);
                OutOfReach(policy.Apis[i], policy.Apis[j]);
            }
        }
    }

    private static void UniqueActions(BoundPolicy policy)
    {
        var first = new Dictionary<string, SourcePlace>(StringComparer.Ordinal);
        foreach (var action in policy.Actions)
        {
            if (!first.TryAdd(action.Definition.Name, action.Keys.At.Place))
                action.Keys.At.Error($"the action '{action.Definition.Name}' is there twice; the first is at {first[action.Definition.Name]}");
        }
    }

    private static void SamePrefix(BoundApi api, BoundApi other)
    {
        var loose = !api.Definition.StrictDialect || !other.Definition.StrictDialect;
        if (string.Equals(api.Definition.Prefix, other.Definition.Prefix, loose ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal))
            api.Keys.Near("prefix").Error($"the API '{other.Definition.Name}' ({other.Keys.At.Place}) takes the same host and prefix, so calls cannot be told apart");
    }

    // Calls go to the API of the longest prefix, whatever actions it has.
    private static void OutOfReach(BoundApi api, BoundApi other)
    {
        var prefix = PathTemplate.Parse(other.Definition.Prefix, out _)!.Segments;
        if (prefix.Length <= PathTemplate.Parse(api.Definition.Prefix, out _)!.Segments.Length)
            return;
        foreach (var action in api.Actions)
        {
            var segments = action.Template.Segments;
            if (segments.Length >= prefix.Length && prefix.SequenceEqual(segments.Take(prefix.Length)))
                action.Keys.Near("path").Error($"no call reaches this: paths under {Shown.Text(other.Definition.Prefix)} go to the API '{other.Definition.Name}' ({other.Keys.At.Place})");
        }
    }
}
