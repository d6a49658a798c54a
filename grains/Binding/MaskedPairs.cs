using System.Text;
using JitGrains.Http;

namespace JitGrains.Binding;

/// <summary>Shows a query or a form as sent, without its masked values.</summary>
internal static class MaskedPairs
{
    /// <summary>
    /// The text with masked values replaced, or null where a name cannot be decoded, so that nobody can tell which it is.
    /// An upstream may part at semicolons too, or not: names are looked for behind them, and a masked value is hidden up to
    /// the next ampersand.
    /// </summary>
    public static string? Write(ReadOnlySpan<char> text, MaskCursor masks, ISet<string> masked)
    {
        var output = new StringBuilder(text.Length);
        foreach (var range in text.Split('&'))
        {
            if (range.Start.Value > 0)
                output.Append('&');
            if (!WritePair(output, text[range], masks, masked))
                return null;
        }

        return output.ToString();
    }

    private static bool WritePair(StringBuilder output, ReadOnlySpan<char> pair, MaskCursor masks, ISet<string> masked)
    {
        foreach (var range in pair.Split(';'))
        {
            var part = pair[range];
            if (range.Start.Value > 0)
                output.Append(';');
            var equals = part.IndexOf('=');
            var rawName = equals < 0 ? part : part[..equals];
            if (PercentCoding.Decode(rawName, plusIsSpace: true, out var name) is not null)
                return false;
            var within = masks.Enter(name, out var hiddenBy);
            if ((hiddenBy ?? within.OfPlainValue) is { } mask)
            {
                masked.Add(mask.Text);
                output.Append(rawName).Append('=').Append(DisplayText.Mask);
                return true;
            }

            output.Append(part);
        }

        return true;
    }
}
