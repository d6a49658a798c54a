using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using JitGrains.Http;
using JitGrains.Identity;
using JitGrains.Policy;

namespace JitGrains.Binding;

/// <summary>What a summary is made from. Parts that are not known show as <c>?</c>.</summary>
public sealed record SummaryInput
{
    /// <summary>Who asks.</summary>
    public required PrincipalId Principal { get; init; }

    /// <summary>Who acts for the principal, nearest first.</summary>
    public ImmutableArray<PrincipalId> Actors { get; init; } = [];

    /// <summary>The action, with its masks.</summary>
    public required ActionDefinition Action { get; init; }

    /// <summary>The resource, or empty.</summary>
    public string Resource { get; init; } = "";

    /// <summary>Path captures, decoded.</summary>
    public PathCaptures Captures { get; init; } = PathCaptures.Empty;

    /// <summary>The call; null where it is asked ahead of any call.</summary>
    public CanonicalRequest? Request { get; init; }

    /// <summary>The body as JSON; null where it is none.</summary>
    public JsonBody? Body { get; init; }
}

/// <summary>A placeholder of a summary: <c>{path.order}</c> has root <c>path</c> and name <c>order</c>.</summary>
/// <param name="Root"><c>principal</c>, <c>action</c>, <c>resource</c>, <c>path</c>, <c>query</c>, <c>header</c> or <c>body</c>.</param>
/// <param name="Name">What follows the root's dot, or empty.</param>
public sealed record SummaryPlaceholder(string Root, string Name);

/// <summary>
/// One sentence for approvers with placeholders: <c>{principal}</c>, <c>{action}</c>, <c>{resource}</c>, <c>{path.order}</c>,
/// <c>{query.x}</c>, <c>{header.x-y}</c>, <c>{body.amount}</c>, <c>{body.card.brand}</c>; <c>{{</c> and <c>}}</c> are braces. Masked
/// values show as the mask, missing or repeated ones as <c>?</c>, objects and arrays as <c>{…}</c> and <c>[…]</c>; values are
/// cut at 100 characters. Immutable and thread-safe.
/// </summary>
public sealed class SummaryTemplate
{
    /// <summary>Longest value shown, in characters.</summary>
    public const int MaxValue = 100;

    /// <summary>Longest template, in characters.</summary>
    public const int MaxTemplate = 500;

    private const string Missing = "?";

    private static readonly SummaryTemplate Plain = Parse("{principal} asks for {action}");
    private static readonly SummaryTemplate PlainOnResource = Parse("{principal} asks for {action} on {resource}");

    /// <summary>Literal text, or a placeholder.</summary>
    private readonly ImmutableArray<(string Text, SummaryPlaceholder? Placeholder)> _pieces;

    private SummaryTemplate(ImmutableArray<(string, SummaryPlaceholder?)> pieces) => _pieces = pieces;

    /// <summary>The placeholders in order, for the policy's validator.</summary>
    public IEnumerable<SummaryPlaceholder> Placeholders => _pieces.Where(static p => p.Placeholder is not null).Select(static p => p.Placeholder!);

    /// <summary>The sentence for an ask: the action's own template, or a plain one.</summary>
    public static string Describe(SummaryInput input)
    {
        var template = input.Action.Summary is { } own ? Parse(own) : input.Resource.Length > 0 ? PlainOnResource : Plain;
        return template.Render(input);
    }

    /// <summary>Reads a template; the problem is one clause for the policy's author.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out SummaryTemplate? template, [NotNullWhen(false)] out string? problem)
    {
        template = null;
        problem = text.Length > MaxTemplate ? $"a summary has at most {MaxTemplate} characters" : null;
        var pieces = ImmutableArray.CreateBuilder<(string, SummaryPlaceholder?)>();
        var literal = new StringBuilder();
        for (var i = 0; i < text.Length && problem is null; i++)
        {
            var c = text[i];
            if (c is '{' or '}' && i + 1 < text.Length && text[i + 1] == c)
            {
                literal.Append(c);
                i++;
            }
            else if (c == '}')
            {
                problem = "a closing brace has no opening one (a brace itself is written twice)";
            }
            else if (c != '{')
            {
                literal.Append(c);
            }
            else if (text.IndexOfAny(['{', '}'], i + 1) is var end && (end < 0 || text[end] == '{'))
            {
                problem = "an opening brace has no closing one (a brace itself is written twice)";
            }
            else
            {
                pieces.Add((literal.ToString(), null));
                literal.Clear();
                problem = ReadPlaceholder(text[(i + 1)..end], out var placeholder);
                pieces.Add(("", placeholder));
                i = end;
            }
        }

        pieces.Add((literal.ToString(), null));
        template = problem is null ? new SummaryTemplate(pieces.DrainToImmutable()) : null;
        return template is not null;
    }

    /// <summary>The sentence.</summary>
    public string Render(SummaryInput input)
    {
        var output = new StringBuilder();
        foreach (var (text, placeholder) in _pieces)
            output.Append(placeholder is null ? text : DisplayText.Escape(DisplayText.Shorten(ValueOf(placeholder, input), MaxValue)));
        return output.ToString();
    }

    // Templates are validated with the policy; one that cannot be read here is a bug.
    private static SummaryTemplate Parse(string text) =>
        TryParse(text, out var template, out var problem) ? template : throw new FormatException($"summary: {problem}");

    private static string? ReadPlaceholder(string text, out SummaryPlaceholder placeholder)
    {
        var dot = text.IndexOf('.', StringComparison.Ordinal);
        placeholder = new SummaryPlaceholder(dot < 0 ? text : text[..dot], dot < 0 ? "" : text[(dot + 1)..]);
        return placeholder.Root switch
        {
            "principal" or "action" or "resource" => dot < 0 ? null : $"{{{placeholder.Root}}} has no parts",
            "path" or "query" or "header" or "body" when placeholder.Name.Split('.').Any(static n => n.Length == 0) =>
                $"{{{placeholder.Root}}} needs a name, as in {{{placeholder.Root}.name}}",
            "path" or "query" or "header" or "body" => null,
            _ => "a placeholder is one of {principal}, {action}, {resource}, {path.x}, {query.x}, {header.x}, {body.x}",
        };
    }

    private static string ValueOf(SummaryPlaceholder placeholder, SummaryInput input) => placeholder.Root switch
    {
        "principal" => input.Actors.IsDefaultOrEmpty ? input.Principal.Value : $"{input.Principal.Value} through {string.Join(" through ", input.Actors.Reverse())}",
        "action" => input.Action.Name,
        "resource" => input.Resource.Length > 0 ? input.Resource : Missing,
        "path" => input.Captures.TryGetValue(placeholder.Name, out var captured) ? captured : Missing,
        "query" => QueryValue(placeholder.Name, input),
        "header" => HeaderValue(placeholder.Name.ToLowerInvariant(), input),
        _ => BodyValue(placeholder.Name, input),
    };

    private static string QueryValue(string name, SummaryInput input)
    {
        var masks = MaskCursor.Of(input.Action.Mask, MaskedPart.Query);
        var within = masks.Enter(name, out var hiddenBy);
        if ((hiddenBy ?? within.OfPlainValue ?? masks.Whole) is not null)
            return DisplayText.Mask;
        var values = input.Request?.Query.Where(p => p.Name == name).ToArray() ?? [];
        return values is [{ Value: { } value }] ? value : Missing;
    }

    private static string HeaderValue(string name, SummaryInput input) =>
        ReviewBuilder.MaskOfHeader(name, MaskCursor.Of(input.Action.Mask, MaskedPart.Header)) is not null
            ? DisplayText.Mask
            : input.Request?.SingleHeader(name) ?? Missing;

    private static string BodyValue(string path, SummaryInput input)
    {
        var masks = MaskCursor.Of(input.Action.Mask, MaskedPart.Body);
        if (masks.Whole is not null)
            return DisplayText.Mask;
        if (input.Body is not { Root: var value })
            return Missing;
        foreach (var name in path.Split('.'))
        {
            masks = masks.Enter(name, out var hiddenBy);
            if (hiddenBy is not null)
                return DisplayText.Mask;
            if (value.ValueKind != JsonValueKind.Object || !value.TryGetProperty(name, out value))
                return Missing;
        }

        return value.ValueKind switch
        {
            JsonValueKind.Object => "{…}",
            JsonValueKind.Array => "[…]",
            _ when masks.OfPlainValue is not null => DisplayText.Mask,
            JsonValueKind.String => value.GetString()!,
            _ => value.GetRawText(),
        };
    }
}
