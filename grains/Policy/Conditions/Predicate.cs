using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace JitGrains.Policy.Conditions;

/// <summary>A test of one value. Immutable and thread-safe.</summary>
internal abstract record Predicate
{
    /// <summary>Whether it holds; on anything but an answerable question, unknown.</summary>
    public abstract Truth Test(in FieldValue value);

    /// <summary>As written in the policy, on one line.</summary>
    public abstract override string ToString();
}

/// <summary>One of some values; of one, equality.</summary>
internal sealed record IsOneOf(ImmutableArray<Operand> Operands) : Predicate
{
    public override Truth Test(in FieldValue value)
    {
        var result = Truth.False;
        foreach (var operand in Operands)
            result = result.Or(operand.IsEqual(value));
        return result;
    }

    public override string ToString() => Operands.Length == 1 ? $"equals {Operands[0]}" : $"in [{string.Join(", ", Operands)}]";
}

/// <summary>A list that has a value; a single value counts as a list of one.</summary>
internal sealed record Contains(Operand Operand) : Predicate
{
    public override Truth Test(in FieldValue value)
    {
        if (value.Kind != FieldKind.Json || value.Json.ValueKind != JsonValueKind.Array)
            return Operand.IsEqual(value);
        var result = Truth.False;
        foreach (var item in value.Json.EnumerateArray())
            result = result.Or(Operand.IsEqual(FieldValue.OfJson(item, value.Reading)));
        return result;
    }

    public override string ToString() => $"contains {Operand}";
}

/// <summary>Text that begins, or ends, with some text.</summary>
internal sealed record HasAffix(string Affix, bool AtEnd) : Predicate
{
    public override Truth Test(in FieldValue value)
    {
        if (value.Text is not { } text)
            return Truth.Unknown;
        if (Has(text, Affix))
            return Truth.True;
        return value.Reading != Reading.Exact && Has(value.Folded(text), value.Folded(Affix)) ? Truth.Unknown : Truth.False;
    }

    public override string ToString() => $"{(AtEnd ? "suffix" : "prefix")} \"{Affix}\"";

    private bool Has(string text, string affix) =>
        AtEnd ? text.EndsWith(affix, StringComparison.Ordinal) : text.StartsWith(affix, StringComparison.Ordinal);
}

/// <summary>Text that as a whole matches a pattern; matched in time linear in the text.</summary>
internal sealed record MatchesPattern(string Pattern, Regex Regex) : Predicate
{
    /// <summary>Longest pattern, in characters.</summary>
    public const int MaxLength = 512;

    public override Truth Test(in FieldValue value)
    {
        if (value.Text is not { } text)
            return Truth.Unknown;
        try
        {
            return Regex.IsMatch(text).ToTruth();
        }
        catch (RegexMatchTimeoutException)
        {
            return Truth.Unknown;
        }
    }

    public override string ToString() => $"matches \"{Pattern}\"";
}

/// <summary>How a number compares to a bound.</summary>
internal enum Comparison
{
    LessThan,
    AtMost,
    GreaterThan,
    AtLeast,
}

/// <summary>A number on one side of a bound, compared as decimals.</summary>
internal sealed record Compares(Comparison Comparison, decimal Bound) : Predicate
{
    public override Truth Test(in FieldValue value) => value.Number is not { } number
        ? Truth.Unknown
        : Comparison switch
        {
            Comparison.LessThan => (number < Bound).ToTruth(),
            Comparison.AtMost => (number <= Bound).ToTruth(),
            Comparison.GreaterThan => (number > Bound).ToTruth(),
            _ => (number >= Bound).ToTruth(),
        };

    public override string ToString() => $"{Key(Comparison)} {Bound.ToString(System.Globalization.CultureInfo.InvariantCulture)}";

    public static string Key(Comparison comparison) => comparison switch
    {
        Comparison.LessThan => "less_than",
        Comparison.AtMost => "at_most",
        Comparison.GreaterThan => "greater_than",
        _ => "at_least",
    };
}

/// <summary>Whether there is something at all.</summary>
internal sealed record Exists(bool Expected) : Predicate
{
    public override Truth Test(in FieldValue value) => value.Kind switch
    {
        FieldKind.Unreadable => Truth.Unknown,
        FieldKind.Missing => (!Expected).ToTruth(),
        _ => Expected.ToTruth(),
    };

    public override string ToString() => $"exists {(Expected ? "true" : "false")}";
}

/// <summary>The opposite of all of some tests together.</summary>
internal sealed record IsNot(ImmutableArray<Predicate> Inner) : Predicate
{
    public override Truth Test(in FieldValue value)
    {
        var result = Truth.True;
        foreach (var predicate in Inner)
            result = result.And(predicate.Test(value));
        return result.Not();
    }

    public override string ToString() => $"not {{{string.Join(", ", Inner)}}}";
}
