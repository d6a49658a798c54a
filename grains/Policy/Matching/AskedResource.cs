using System.Collections.Immutable;
using JitGrains.Identity;

namespace JitGrains.Policy.Matching;

/// <summary>Resources that are asked for ahead of any call.</summary>
internal static class AskedResource
{
    private const int MaxLength = 1024;

    public static bool TryMake(CompiledAction action, IReadOnlyDictionary<string, string> values, out PathCaptures captures, out string resource, out string problem)
    {
        captures = PathCaptures.Empty;
        resource = "";
        problem = "";
        var template = action.Template;
        if (values.Count != template.Parameters.Length || !template.Parameters.All(values.ContainsKey))
        {
            problem = template.Parameters.IsEmpty
                ? $"{action.Definition.Name} has no path parameters"
                : $"{action.Definition.Name} has the path parameters {string.Join(", ", template.Parameters)}; exactly these must be given";
            return false;
        }

        foreach (var segment in template.Segments.Where(s => s.Kind != SegmentKind.Literal))
        {
            problem = Problem(segment, values[segment.Text], segment.Text == action.Definition.EncodedParameter);
            if (problem.Length > 0)
                return false;
        }

        captures = new PathCaptures(template.Parameters, [.. template.Parameters.Select(p => values[p])]);
        resource = template.Resource(captures);
        return true;
    }

    // What the canonical form refuses in a path, no call can ever have.
    private static string Problem(TemplateSegment segment, string value, bool encoded)
    {
        var parts = segment.Kind == SegmentKind.Rest ? value.Split('/') : [value];
        if (value.Length is 0 or > MaxLength || parts.Any(p => p.Length == 0))
            return $"{segment.Text} must have 1 to {MaxLength} characters and no empty segment";
        if (parts.Any(p => p is "." or ".." || p.Contains('/', StringComparison.Ordinal) || p.Contains('\\', StringComparison.Ordinal) || (!encoded && p.Contains('%', StringComparison.Ordinal)))
            || !SafeText.IsSafeSentence(value))
            return $"{segment.Text} holds something that a path may not have";
        return "";
    }
}
