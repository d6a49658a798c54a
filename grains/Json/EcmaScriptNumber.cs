using System.Globalization;

namespace JitGrains.Json;

/// <summary>Number::toString of ECMAScript (radix 10), which RFC 8785 prescribes.</summary>
internal static class EcmaScriptNumber
{
    /// <summary>Formats a finite double: its shortest digits that read back as the same double.</summary>
    public static string Format(double value)
    {
        if (value == 0)
            return "0";
        var (digits, exponent) = ShortestDigits(Math.Abs(value));
        var text = Layout(digits, exponent);
        return value < 0 ? "-" + text : text;
    }

    /// <summary>Digits without zeroes around them and n, where the value is 0.DIGITS times ten to the n.</summary>
    private static (string Digits, int N) ShortestDigits(double value)
    {
        // "R" gives the shortest round-trip digits; only its layout differs from ECMAScript's.
        var text = value.ToString("R", CultureInfo.InvariantCulture);
        var exponent = 0;
        var e = text.IndexOf('E', StringComparison.Ordinal);
        if (e >= 0)
        {
            exponent = int.Parse(text.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
            text = text[..e];
        }

        var point = text.IndexOf('.', StringComparison.Ordinal);
        var whole = point < 0 ? text : text[..point];
        var digits = point < 0 ? text : whole + text[(point + 1)..];
        var significant = digits.TrimStart('0');
        var n = whole.Length - (digits.Length - significant.Length) + exponent;
        return (significant.TrimEnd('0'), n);
    }

    private static string Layout(string digits, int n)
    {
        var k = digits.Length;
        if (k <= n && n <= 21)
            return digits + new string('0', n - k);
        if (n is > 0 and <= 21)
            return string.Concat(digits.AsSpan(0, n), ".", digits.AsSpan(n));
        if (n is > -6 and <= 0)
            return "0." + new string('0', -n) + digits;
        var mantissa = k == 1 ? digits : string.Concat(digits.AsSpan(0, 1), ".", digits.AsSpan(1));
        return n > 0 ? $"{mantissa}e+{n - 1}" : $"{mantissa}e-{1 - n}";
    }
}
