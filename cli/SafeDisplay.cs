using System.Globalization;
using System.Text;

namespace JitGrains.Cli;

/// <summary>
/// Text as a terminal may see it. Callers control reasons, bodies and names, so anything that could move the cursor,
/// reorder what is read or hide is shown as <c>\uXXXX</c> instead.
/// </summary>
internal static class SafeDisplay
{
    /// <summary>One line: line breaks and tabs are escaped too.</summary>
    public static string Line(string? text) => Escape(text ?? "", keepLineBreaks: false);

    /// <summary>Several lines, split at line feeds; nothing else of the text's own layout is kept.</summary>
    public static string[] Lines(string text) => Escape(text, keepLineBreaks: true).Split('\n');

    private static string Escape(string text, bool keepLineBreaks)
    {
        StringBuilder? escaped = null;
        for (var i = 0; i < text.Length; i++)
        {
            var length = char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]) ? 2 : 1;
            if (IsPlain(text, i) || (keepLineBreaks && text[i] == '\n'))
            {
                escaped?.Append(text, i, length);
            }
            else
            {
                escaped ??= new StringBuilder(text, 0, i, text.Length + 16);
                foreach (var unit in text.AsSpan(i, length))
                    escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)unit:x4}");
            }

            i += length - 1;
        }

        return escaped?.ToString() ?? text;
    }

    private static bool IsPlain(string text, int index) => CharUnicodeInfo.GetUnicodeCategory(text, index) switch
    {
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
            or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator => false,
        UnicodeCategory.SpaceSeparator => text[index] == ' ',
        _ => !IsInvisibleLetter(text[index]),
    };

    // Letters by category, and yet drawn as nothing (Hangul fillers, the Braille blank).
    private static bool IsInvisibleLetter(char c) => c is '\u115f' or '\u1160' or '\u3164' or '\uffa0' or '\u2800';
}
