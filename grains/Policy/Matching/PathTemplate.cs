using System.Collections.Immutable;
using System.Text;
using JitGrains.Http;

namespace JitGrains.Policy.Matching;

/// <summary>What a segment of a template takes, the narrowest first.</summary>
internal enum SegmentKind
{
    /// <summary>Just this text.</summary>
    Literal,

    /// <summary>Any one segment that is not empty.</summary>
    Parameter,

    /// <summary>All that is left, at least one segment; only at the end.</summary>
    Rest,
}

/// <summary>A segment of a template.</summary>
/// <param name="Kind">What it takes.</param>
/// <param name="Text">The literal, or the parameter's name.</param>
/// <param name="Folded">The literal in loose form.</param>
internal readonly record struct TemplateSegment(SegmentKind Kind, string Text, string Folded);

/// <summary>A path template such as <c>/orders/{order}/refunds</c> or <c>/files/{path*}</c>. Immutable and thread-safe.</summary>
internal sealed class PathTemplate
{
    /// <summary>Longest template, in characters.</summary>
    public const int MaxLength = 512;

    private PathTemplate(string text, ImmutableArray<TemplateSegment> segments)
    {
        Text = text;
        Segments = segments;
        LooseSegments = segments is [.., { Kind: SegmentKind.Literal, Text: "" }] ? segments[..^1] : segments;
        Parameters = [.. segments.Where(s => s.Kind != SegmentKind.Literal).Select(s => s.Text)];
    }

    public string Text { get; }

    /// <summary>As matched exactly; a slash at the end is an empty literal.</summary>
    public ImmutableArray<TemplateSegment> Segments { get; }

    /// <summary>As matched loosely: without a slash at the end.</summary>
    public ImmutableArray<TemplateSegment> LooseSegments { get; }

    /// <summary>The parameters' names in order.</summary>
    public ImmutableArray<string> Parameters { get; }

    /// <summary>Whether a loose reading compares the same literals as the exact one.</summary>
    public bool IsLoose => LooseSegments.Length == Segments.Length && Segments.All(s => s.Text == s.Folded);

    /// <summary>The template without the rest at its end, which many a router lets be empty; null where it has none.</summary>
    public PathTemplate? WithoutRest => Segments is [.. var before, { Kind: SegmentKind.Rest }] ? new PathTemplate(Text[..Text.LastIndexOf('/')], before) : null;

    /// <summary>Whether it differs, read loosely, from the other in the names of its parameters only.</summary>
    public bool HasShapeOf(PathTemplate other) =>
        LooseSegments.Length == other.LooseSegments.Length
        && LooseSegments.Zip(other.LooseSegments).All(p => p.First.Kind == p.Second.Kind && (p.First.Kind != SegmentKind.Literal || p.First.Folded == p.Second.Folded));

    public static PathTemplate? Parse(string text, out string problem)
    {
        problem = "";
        if (!text.StartsWith('/') || text.Length > MaxLength)
        {
            problem = $"a path begins with a slash and has at most {MaxLength} characters";
            return null;
        }

        var segments = ImmutableArray.CreateBuilder<TemplateSegment>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        var parts = text.Length == 1 ? [] : text[1..].Split('/');
        for (var i = 0; i < parts.Length; i++)
        {
            var last = i == parts.Length - 1;
            var segment = ParseSegment(parts[i], last, out problem);
            if (segment is null)
                return null;
            if (segment.Value.Kind != SegmentKind.Literal && !names.Add(segment.Value.Text))
            {
                problem = $"the parameter '{segment.Value.Text}' is there twice";
                return null;
            }

            segments.Add(segment.Value);
        }

        return new PathTemplate(text, segments.ToImmutable());
    }

    /// <summary>Below zero where this template is the narrower one for a path that both fit: from the left, a literal beats a parameter beats the rest.</summary>
    public static int Compare(PathTemplate left, PathTemplate right)
    {
        for (var i = 0; i < Math.Min(left.Segments.Length, right.Segments.Length); i++)
        {
            var order = left.Segments[i].Kind.CompareTo(right.Segments[i].Kind);
            if (order != 0)
                return order;
        }

        return right.Segments.Length.CompareTo(left.Segments.Length);
    }

    /// <summary>Whether some path fits both.</summary>
    public static bool Overlap(PathTemplate left, PathTemplate right, bool loose)
    {
        var (a, b) = loose ? (left.LooseSegments, right.LooseSegments) : (left.Segments, right.Segments);
        for (var i = 0; ; i++)
        {
            if (i == a.Length || i == b.Length)
                return a.Length == b.Length;
            if (a[i].Kind == SegmentKind.Rest || b[i].Kind == SegmentKind.Rest)
                return RestTakes(a, b, i) || RestTakes(b, a, i);
            if (a[i].Kind == SegmentKind.Literal && b[i].Kind == SegmentKind.Literal && (loose ? a[i].Folded != b[i].Folded : a[i].Text != b[i].Text))
                return false;
            if ((a[i].Kind == SegmentKind.Literal && a[i].Text.Length == 0) != (b[i].Kind == SegmentKind.Literal && b[i].Text.Length == 0))
                return false;
        }
    }

    public override string ToString() => Text;

    private static bool RestTakes(ImmutableArray<TemplateSegment> rest, ImmutableArray<TemplateSegment> other, int from) =>
        rest[from].Kind == SegmentKind.Rest && other.Length > from && !(other[from].Kind == SegmentKind.Literal && other[from].Text.Length == 0);

    private static TemplateSegment? ParseSegment(string part, bool last, out string problem)
    {
        problem = "";
        if (part.StartsWith('{') && part.EndsWith('}'))
        {
            var rest = part.EndsWith("*}", StringComparison.Ordinal);
            var name = part[1..(rest ? ^2 : ^1)];
            if (!IsParameterName(name))
                problem = $"'{part}' is no parameter: {{name}} or, at the end, {{name*}}; a name is a letter, then letters, digits and underscores, at most 32";
            else if (rest && !last)
                problem = $"'{part}' takes all that is left, so it can only stand at the end";
            return problem.Length > 0 ? null : new TemplateSegment(rest ? SegmentKind.Rest : SegmentKind.Parameter, name, name);
        }

        if (part.Length == 0 && !last)
            problem = "the path has an empty segment (//)";
        else if (part is "." or "..")
            problem = "dot segments are refused in calls, so a path with one matches nothing";
        else if (part.Contains('{', StringComparison.Ordinal) || part.Contains('}', StringComparison.Ordinal))
            problem = $"'{part}': a parameter is a whole segment, written {{name}}";
        else if (part.Any(c => !IsLiteral(c)))
            problem = $"'{part}' holds a character that a path's fixed part may not have; write it plain, not percent-encoded";
        return problem.Length > 0 ? null : new TemplateSegment(SegmentKind.Literal, part, LooseForm.OfLiteral(part));
    }

    // A semicolon would begin a path parameter, which loose readers drop.
    private static bool IsLiteral(char c) => char.IsAsciiLetterOrDigit(c) || "-._~!$&'()*+,=:@".Contains(c, StringComparison.Ordinal);

    private static bool IsParameterName(string name) =>
        name.Length is > 0 and <= 32 && char.IsAsciiLetter(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_');

    /// <summary>The captures as a resource: <c>order=42&amp;item=7</c>, in the template's order, percent-encoded where needed.</summary>
    public string Resource(PathCaptures captures)
    {
        if (Parameters.IsEmpty)
            return "";
        if (Parameters.Length == 1)
            return string.Concat(Parameters[0], "=", Uri.EscapeDataString(captures[0]));
        var text = new StringBuilder();
        for (var i = 0; i < Parameters.Length; i++)
            text.Append(i == 0 ? "" : "&").Append(Parameters[i]).Append('=').Append(Uri.EscapeDataString(captures[i]));
        return text.ToString();
    }
}
