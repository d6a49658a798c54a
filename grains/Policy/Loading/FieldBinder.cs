using System.Collections.Immutable;
using System.Text.RegularExpressions;
using JitGrains.Policy.Conditions;
using JitGrains.Policy.Schema;
using JitGrains.Policy.Yaml;

namespace JitGrains.Policy.Loading;

/// <summary>Reads the tests of a field.</summary>
internal static class FieldBinder
{
    private static readonly TimeSpan PatternTimeout = TimeSpan.FromMilliseconds(100);

    /// <summary>Conditions on the fields of one source: a mapping from field names to tests.</summary>
    public static IEnumerable<Condition> Fields(Cursor at, FieldSource source)
    {
        foreach (var (key, value) in at.Entries())
        {
            var name = FieldName(key, value, source);
            var tests = Tests(value);
            if (name is null || tests.IsEmpty)
                continue;
            Contradictions(tests, value);
            yield return new FieldCondition(source, name, tests);
        }
    }

    private static string? FieldName(YamlScalar key, Cursor value, FieldSource source)
    {
        var at = value with { Node = key };
        var text = at.Text(256);
        return (source, text) switch
        {
            (_, null) => null,
            (FieldSource.Body, _) when FieldPath.Parse(text) is null => at.Fail<string>("a body field is names with dots between them (customer.country) or a JSON Pointer (/items/0/sku)"),
            (FieldSource.Headers, _) when !HeaderSyntax.IsName(text) => at.Fail<string>("this is no header name"),
            (FieldSource.Headers, _) => text.ToLowerInvariant(),
            _ => text,
        };
    }

    /// <summary>A value means equals, a list means in, a mapping has tests by name.</summary>
    private static ImmutableArray<Predicate> Tests(Cursor at)
    {
        switch (at.Node)
        {
            case YamlScalar:
                return Value(at) is { } one ? [new IsOneOf([one])] : [];
            case YamlList:
                var many = Values(at);
                return many.IsEmpty ? [] : [new IsOneOf(many)];
            default:
                if (at.Shape(ConditionShapes.Field) is not { } keys)
                    return [];
                var tests = ImmutableArray.CreateBuilder<Predicate>();
                foreach (var key in ConditionShapes.Field.Keys)
                {
                    if (keys[key.Name] is { } value && Test(key.Name, value) is { } test)
                        tests.Add(test);
                }

                if (tests.Count == 0 && ((YamlMap)at.Node).Entries.IsEmpty)
                    at.Error("there is no test here; exists: true asks only whether there is a value");
                return tests.ToImmutable();
        }
    }

    private static Predicate? Test(string key, Cursor value) => key switch
    {
        "equals" => Value(value) is { } operand ? new IsOneOf([operand]) : null,
        "in" => Values(value) is { IsEmpty: false } operands ? new IsOneOf(operands) : null,
        "not" => Tests(value) is { IsEmpty: false } inner ? new IsNot(inner) : null,
        "prefix" => value.Text() is { } text ? new HasAffix(text, AtEnd: false) : null,
        "suffix" => value.Text() is { } text ? new HasAffix(text, AtEnd: true) : null,
        "matches" => Pattern(value),
        "less_than" => Bound(value, Comparison.LessThan),
        "at_most" => Bound(value, Comparison.AtMost),
        "greater_than" => Bound(value, Comparison.GreaterThan),
        "at_least" => Bound(value, Comparison.AtLeast),
        "contains" => Value(value) is { } item ? new Contains(item) : null,
        "exists" => value.Boolean() is { } expected ? new Exists(expected) : null,
        _ => throw new ArgumentOutOfRangeException(nameof(key)),
    };

    private static ImmutableArray<Operand> Values(Cursor at)
    {
        if (at.Node is YamlList)
            return at.List(Value);
        at.Error("a list of values is expected here");
        return [];
    }

    private static Operand? Value(Cursor at)
    {
        if (at.Node is not YamlScalar scalar || scalar.IsNull)
            return at.Fail<Operand>($"a value is expected here, not {at.Node.Kind}");
        if (!scalar.IsPlain)
            return scalar.Text.Length == 0 ? Operand.OfText("") : at.Text() is { } quoted ? Operand.OfText(quoted) : null;
        if (scalar.Text is "true" or "false")
            return Operand.OfBoolean(scalar.Text == "true");
        if (ExactNumber.FromText(scalar.Text) is { } number)
            return Operand.OfNumber(scalar.Text, number);
        if (LooksLikeNumber(scalar.Text))
            return at.Fail<Operand>($"'{Shown.Text(scalar.Text)}' may be read as a number in several ways; write a plain decimal number of at most 15 digits, or quote it");
        return at.Text() is { } text ? Operand.OfText(text) : null;
    }

    // What some YAML reader takes for a number and ours does not: 010, 0x1F, 1_000, +5, 1e3, .5, .inf.
    private static bool LooksLikeNumber(string text) =>
        text.ToLowerInvariant() is ".inf" or "-.inf" or "+.inf" or ".nan"
        || (text.Any(char.IsAsciiDigit) && (char.IsAsciiDigit(text[0]) || "+-.".Contains(text[0], StringComparison.Ordinal))
            && (text.All(c => char.IsAsciiDigit(c) || "+-._eE".Contains(c, StringComparison.Ordinal)) || text.StartsWith("0x", StringComparison.OrdinalIgnoreCase) || text.StartsWith("0o", StringComparison.OrdinalIgnoreCase))
            && !(text.Count(c => c == '.') == 3 && System.Net.IPAddress.TryParse(text, out _)) && text.Count(c => c == '-') < 2);

    private static Compares? Bound(Cursor at, Comparison comparison)
    {
        if (at.Node is YamlScalar { IsPlain: true } scalar && ExactNumber.FromText(scalar.Text) is { } number)
            return new Compares(comparison, number);
        return at.Fail<Compares>("a plain decimal number of at most 15 digits is expected here");
    }

    private static MatchesPattern? Pattern(Cursor at)
    {
        var pattern = at.Text(MatchesPattern.MaxLength);
        if (pattern is null)
            return null;
        if (PatternCost.Of(pattern) > PatternCost.Most)
            return at.Fail<MatchesPattern>($"the counted repetitions multiply to more than {PatternCost.Most}");
        try
        {
            var regex = new Regex($@"\A(?:{pattern})\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, PatternTimeout);
            // A pattern that closes our group itself would not be anchored.
            _ = new Regex(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, PatternTimeout);
            return new MatchesPattern(pattern, regex);
        }
        catch (ArgumentException)
        {
            return at.Fail<MatchesPattern>("this is no regular expression");
        }
        catch (NotSupportedException)
        {
            return at.Fail<MatchesPattern>("lookaround, back references and very large repetitions are not supported: patterns are matched in linear time");
        }
    }

    // A value that is named, and fails another test of the same field, can never be there.
    private static void Contradictions(ImmutableArray<Predicate> tests, Cursor at)
    {
        if (tests.OfType<Exists>().Any(e => !e.Expected) && tests.Length > 1)
        {
            at.Error("exists: false leaves nothing for the other tests to look at");
            return;
        }

        foreach (var named in tests.OfType<IsOneOf>())
        {
            if (named.Operands.All(o => tests.Any(t => !ReferenceEquals(t, named) && t.Test(o.AsValue()) == Truth.False)))
                at.Error("no value passes all of these tests");
        }

        if (Floor(tests) is { } floor && Ceiling(tests) is { } ceiling && (floor.Bound > ceiling.Bound || (floor.Bound == ceiling.Bound && (floor.Comparison == Comparison.GreaterThan || ceiling.Comparison == Comparison.LessThan))))
            at.Error("no number passes all of these tests");
    }

    private static Compares? Floor(ImmutableArray<Predicate> tests) =>
        tests.OfType<Compares>().Where(c => c.Comparison is Comparison.GreaterThan or Comparison.AtLeast).OrderByDescending(c => c.Bound).ThenBy(c => c.Comparison).FirstOrDefault();

    private static Compares? Ceiling(ImmutableArray<Predicate> tests) =>
        tests.OfType<Compares>().Where(c => c.Comparison is Comparison.LessThan or Comparison.AtMost).OrderBy(c => c.Bound).ThenBy(c => c.Comparison).FirstOrDefault();
}
