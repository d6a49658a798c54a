using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using JitGrains.Identity;

namespace JitGrains.Silo.Identity;

/// <summary>
/// Text with names in braces (<c>service:repo:{repository}:ref:{branch}</c>). Where it has several, a colon stands between them
/// and no value may hold one, so that no two sets of values give the same text. Immutable and thread-safe.
/// </summary>
internal sealed class ClaimTemplate
{
    private readonly ImmutableArray<string> pieces;

    private ClaimTemplate(ImmutableArray<string> texts, ImmutableArray<string> names) => (pieces, Names) = (texts, names);

    /// <summary>The names, in order.</summary>
    public ImmutableArray<string> Names { get; }

    /// <summary>The kind that the text before the first name begins with, or null.</summary>
    public string? Kind => pieces[0].Split(':') is [var kind, _, ..] && SafeText.IsKnownKind(kind) ? kind : null;

    /// <summary>Whether it begins with a kind, or with a realm and a kind.</summary>
    public bool NamesKind => Kind is not null || (pieces[0].Split(':') is [var realm, var kind, _, ..] && SafeText.IsToken(realm) && SafeText.IsKnownKind(kind));

    /// <summary>Reads a template that was found to be one.</summary>
    public static ClaimTemplate Parse(string text) => TryParse(text, out var template, out var problem) ? template : throw new FormatException(problem);

    /// <summary>Reads a template; the problem is the end of a sentence.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out ClaimTemplate? template, [NotNullWhen(false)] out string? problem)
    {
        template = null;
        var texts = ImmutableArray.CreateBuilder<string>();
        var names = ImmutableArray.CreateBuilder<string>();
        var rest = text;
        while (rest.IndexOf('{', StringComparison.Ordinal) is >= 0 and var open)
        {
            var close = rest.IndexOf('}', open);
            if (close <= open + 1)
            {
                problem = "has an opening brace without a name and a closing one.";
                return false;
            }

            texts.Add(rest[..open]);
            names.Add(rest[(open + 1)..close]);
            rest = rest[(close + 1)..];
        }

        texts.Add(rest);
        problem = texts.Any(t => t.Contains('}', StringComparison.Ordinal)) || names.Any(n => n.Contains('{', StringComparison.Ordinal)) ? "has a brace without the other."
            : names.Count == 0 ? "names no claim in braces."
            : names.Count > 1 && texts.Skip(1).Take(names.Count - 1).Any(t => !t.Contains(':', StringComparison.Ordinal)) ? "has a colon between any two names: what stands for them could not be told apart otherwise."
            : null;
        template = problem is null ? new ClaimTemplate(texts.DrainToImmutable(), names.DrainToImmutable()) : null;
        return template is not null;
    }

    /// <summary>The text; null where a value is missing or cannot be told apart.</summary>
    public string? Render(Func<string, string?> valueOf)
    {
        var text = new StringBuilder(pieces[0]);
        for (var i = 0; i < Names.Length; i++)
        {
            if (valueOf(Names[i]) is not { Length: > 0 } value || (Names.Length > 1 && value.Contains(':', StringComparison.Ordinal)))
                return null;
            text.Append(value).Append(pieces[i + 1]);
        }

        return text.ToString();
    }
}
