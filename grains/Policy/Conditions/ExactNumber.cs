using System.Globalization;
using System.Text.RegularExpressions;

namespace JitGrains.Policy.Conditions;

/// <summary>
/// Numbers that every reader reads alike: at most 15 significant digits (a double holds them) within decimal's range.
/// Others cannot be compared: an upstream might see another number than we do.
/// </summary>
internal static partial class ExactNumber
{
    private const int MostDigits = 15;

    /// <summary>A JSON number's text, exactly.</summary>
    public static decimal? FromJson(string raw)
    {
        // A JSON number may be as long as the body; no comparable one is longer than this.
        if (raw.Length > 64)
            return null;
        var exponentAt = raw.AsSpan().IndexOfAny('e', 'E');
        var exponent = 0;
        if (exponentAt >= 0 && (!int.TryParse(raw.AsSpan(exponentAt + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent) || Math.Abs(exponent) > 64))
            return null;
        var mantissa = exponentAt < 0 ? raw : raw[..exponentAt];
        var point = mantissa.IndexOf('.', StringComparison.Ordinal);
        var digits = mantissa.Replace(".", "", StringComparison.Ordinal).TrimStart('-').TrimStart('0');
        var lastPlace = (point < 0 ? 0 : mantissa.Length - point - 1) - exponent;
        var significant = digits.TrimEnd('0');
        lastPlace -= digits.Length - significant.Length;
        if (significant.Length == 0)
            return 0m;
        if (significant.Length > MostDigits || lastPlace > 28 || significant.Length - lastPlace > 28)
            return null;
        return decimal.Parse(raw, NumberStyles.Float, CultureInfo.InvariantCulture);
    }

    /// <summary>A number written in text (a path, query or header value): plain decimal notation only.</summary>
    public static decimal? FromText(string text) =>
        text.Length <= 64 && PlainDecimal().IsMatch(text) ? FromJson(text) : null;

    [GeneratedRegex(@"\A-?(0|[1-9][0-9]*)(\.[0-9]+)?\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex PlainDecimal();
}
