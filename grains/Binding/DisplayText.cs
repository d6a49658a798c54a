using System.Globalization;
using System.Text;

namespace JitGrains.Binding;

/// <summary>
/// Text that callers control, made fit to be shown: what would move, hide or reorder text is written as <c>\uXXXX</c>
/// (UTF-16, so that it stays valid within a JSON string). Stateless and thread-safe.
/// </summary>
public static class DisplayText
{
    /// <summary>What stands for a masked value.</summary>
    public const string Mask = "•••";

    /// <summary>
    /// Escapes control, bidirectional, invisible, private and unassigned characters, white space other than a plain space,
    /// and halves of surrogate pairs.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="keepLayout">Whether line breaks (LF, CRLF) and tabs stay; a lone CR never does.</param>
    public static string Escape(string text, bool keepLayout = false)
    {
        StringBuilder? output = null;
        for (var i = 0; i < text.Length; i++)
        {
            var length = char.IsSurrogatePair(text, i) ? 2 : 1;
            if (IsPlain(text, i, length, keepLayout))
            {
                output?.Append(text, i, length);
            }
            else
            {
                output ??= new StringBuilder(text.Length + 16).Append(text, 0, i);
                foreach (var unit in text.AsSpan(i, length))
                    output.Append(CultureInfo.InvariantCulture, $"\\u{(int)unit:X4}");
            }

            i += length - 1;
        }

        return output?.ToString() ?? text;
    }

    /// <summary>At most so many characters, never half a surrogate pair; the cut is shown by an ellipsis.</summary>
    public static string Shorten(string text, int characters) =>
        text.Length <= characters ? text : string.Concat(Cut(text, characters), "…");

    /// <summary>The first characters, never half a surrogate pair.</summary>
    internal static ReadOnlySpan<char> Cut(string text, int characters)
    {
        if (text.Length <= characters)
            return text;
        return text.AsSpan(0, char.IsHighSurrogate(text[characters - 1]) ? characters - 1 : characters);
    }

    private static bool IsPlain(string text, int i, int length, bool keepLayout)
    {
        var c = text[i];
        if (c is >= ' ' and < '\x7f')
            return true;
        if (keepLayout && (c is '\n' or '\t' || (c == '\r' && i + 1 < text.Length && text[i + 1] == '\n')))
            return true;
        if (length == 1 && char.IsSurrogate(c))
            return false;
        var point = length == 2 ? char.ConvertToUtf32(text, i) : c;
        return CharUnicodeInfo.GetUnicodeCategory(point) switch
        {
            UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator => false,
            _ => !IsInvisible(point),
        };
    }

    /// <summary>Letters and marks that show nothing: Unicode's default-ignorable ones outside the categories above, and the blank braille pattern.</summary>
    private static bool IsInvisible(int point) => point
        is 0x034F or 0x115F or 0x1160 or 0x17B4 or 0x17B5 or 0x2800 or 0x3164 or 0xFFA0
        or (>= 0x180B and <= 0x180F) or (>= 0xFE00 and <= 0xFE0F) or (>= 0xE0100 and <= 0xE01EF);
}
