using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace JitGrains.Binding;

/// <summary>Which part of a call a mask is about.</summary>
public enum MaskedPart
{
    /// <summary>The body, JSON or a form.</summary>
    Body,

    /// <summary>The query's parameters.</summary>
    Query,

    /// <summary>The headers.</summary>
    Header,
}

/// <summary>
/// What approvers do not see: <c>body.card.number</c>, <c>body.items[].secret</c>, <c>body.*</c>, <c>body</c> (all of it),
/// <c>query.token</c>, <c>header.x-key</c>. Immutable and thread-safe.
/// </summary>
/// <remarks>
/// In doubt a value is hidden. Names match whatever their case, since many frameworks read them so. Arrays are looked through
/// with or without <c>[]</c>. A name such as <c>card.number</c> or <c>card[number]</c> counts as the path that frameworks make of
/// it. A plain value where the mask names something within it is hidden too.
/// </remarks>
public sealed class FieldMask
{
    private FieldMask(string text, MaskedPart part, ImmutableArray<string> names) => (Text, Part, Names) = (text, part, names);

    /// <summary>As written in policy.</summary>
    public string Text { get; }

    /// <summary>The part.</summary>
    public MaskedPart Part { get; }

    /// <summary>The names on the way to the value, <c>*</c> for any; none where the whole part is masked.</summary>
    public ImmutableArray<string> Names { get; }

    /// <summary>Reads a mask; the problem is one clause for the policy's author.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out FieldMask? mask, [NotNullWhen(false)] out string? problem)
    {
        mask = null;
        var pieces = text.Split('.').Select(WithoutBrackets).ToImmutableArray();
        MaskedPart? part = pieces[0] switch
        {
            "body" => MaskedPart.Body,
            "query" => MaskedPart.Query,
            "header" => MaskedPart.Header,
            _ => null,
        };
        if (part is null || (part != MaskedPart.Body && text.StartsWith(pieces[0] + "[]", StringComparison.Ordinal)))
        {
            problem = "a mask begins with body, query or header";
            return false;
        }

        var names = pieces[1..];
        problem = names.Any(static n => n.Length == 0 || n.AsSpan().ContainsAny("[]")) ? "a mask's names are parted by single dots, and may end in []"
            : names.Any(static n => n.Length > 1 && n.Contains('*', StringComparison.Ordinal)) ? "in a mask * stands for a whole name"
            : part == MaskedPart.Header && names.Length != 1 ? "a header's mask is header. and one name"
            : null;
        if (problem is not null)
            return false;
        mask = new FieldMask(text, part.Value, names);
        return true;
    }

    private static string WithoutBrackets(string name)
    {
        while (name.EndsWith("[]", StringComparison.Ordinal))
            name = name[..^2];
        return name;
    }
}
