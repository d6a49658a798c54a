using System.Globalization;
using JitGrains.Unicode;

namespace JitGrains.Identity;

/// <summary>What text that callers control must look like before it is stored or shown. Stateless and thread-safe.</summary>
public static class SafeText
{
    private static readonly HashSet<string> Kinds = new(StringComparer.Ordinal) { "user", "service", "agent", "key" };

    /// <summary>The kinds that may be written without a realm where a default realm is known.</summary>
    public static bool IsKnownKind(string kind) => Kinds.Contains(kind);

    /// <summary>1 to 64 of <c>a-z A-Z 0-9 - _ .</c></summary>
    public static bool IsToken(string text) =>
        text.Length is > 0 and <= 64 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    /// <summary>A principal's or group's name: no white space, control, format (bidirectional) or unassigned characters, no caret, NFC.</summary>
    public static bool IsSafeName(string text) =>
        IsShowable(text, allowSpace: false) && !text.Contains('^', StringComparison.Ordinal) && UnicodeForm.IsComposed(text);

    /// <summary>A reason, comment or ticket: text that can be shown to a person without misleading them; spaces allowed, line breaks not.</summary>
    public static bool IsSafeSentence(string text) => IsShowable(text, allowSpace: true);

    private static bool IsShowable(string text, bool allowSpace)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsSurrogate(text[i]) && !(char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1])))
                return false;
            switch (CharUnicodeInfo.GetUnicodeCategory(text, i))
            {
                case UnicodeCategory.Control:
                case UnicodeCategory.Format:
                case UnicodeCategory.PrivateUse:
                case UnicodeCategory.OtherNotAssigned:
                case UnicodeCategory.LineSeparator:
                case UnicodeCategory.ParagraphSeparator:
                    return false;
                case UnicodeCategory.SpaceSeparator when !allowSpace:
                    return false;
                default:
                    break;
            }

            if (char.IsHighSurrogate(text[i]))
                i++;
        }

        return true;
    }
}
