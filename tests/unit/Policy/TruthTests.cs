using System.Text.Json;
using JitGrains.Policy;
using JitGrains.Policy.Conditions;

namespace JitGrains.UnitTests.Policy;

public class TruthTests
{
    [Theory]
    [InlineData(Truth.False, Truth.False, Truth.False, Truth.False)]
    [InlineData(Truth.False, Truth.Unknown, Truth.False, Truth.Unknown)]
    [InlineData(Truth.False, Truth.True, Truth.False, Truth.True)]
    [InlineData(Truth.Unknown, Truth.Unknown, Truth.Unknown, Truth.Unknown)]
    [InlineData(Truth.Unknown, Truth.True, Truth.Unknown, Truth.True)]
    [InlineData(Truth.True, Truth.True, Truth.True, Truth.True)]
    public void And_and_or_are_Kleenes_whichever_comes_first(Truth left, Truth right, Truth and, Truth or)
    {
        Assert.Equal((and, and), (left.And(right), right.And(left)));
        Assert.Equal((or, or), (left.Or(right), right.Or(left)));
    }

    [Theory]
    [InlineData(Truth.False, Truth.True)]
    [InlineData(Truth.Unknown, Truth.Unknown)]
    [InlineData(Truth.True, Truth.False)]
    public void Not_leaves_unknown_unknown(Truth value, Truth not) => Assert.Equal(not, value.Not());

    [Theory]
    [InlineData("0", "0")]
    [InlineData("-0", "0")]
    [InlineData("1.50", "1.5")]
    [InlineData("1e2", "100")]
    [InlineData("1E-2", "0.01")]
    [InlineData("123456789012345", "123456789012345")]
    [InlineData("1234567890123450000", "1234567890123450000")]
    [InlineData("0.000000000000000000000000001", "0.000000000000000000000000001")]
    [InlineData("1234567890123456", null)]
    [InlineData("99.9999999999999999", null)]
    [InlineData("1e29", null)]
    [InlineData("1e-29", null)]
    [InlineData("1e99999999999", null)]
    [InlineData("1e-99999999999", null)]
    public void Numbers_are_exact_or_not_comparable(string json, string? value)
    {
        Assert.Equal(value is null ? null : decimal.Parse(value), ExactNumber.FromJson(json));
        Assert.Equal(value is null ? null : decimal.Parse(value), ExactNumber.FromJson(JsonElement.Parse(json).GetRawText()));
    }

    [Theory]
    [InlineData("42", true)]
    [InlineData("-4.2", true)]
    [InlineData("042", false)]
    [InlineData("+42", false)]
    [InlineData(" 42", false)]
    [InlineData("42\n", false)]
    [InlineData("4e1", false)]
    [InlineData("0x2a", false)]
    [InlineData("٤٢", false)]
    [InlineData("1,000", false)]
    [InlineData("", false)]
    public void Text_is_a_number_only_in_plain_notation(string text, bool isNumber) =>
        Assert.Equal(isNumber, ExactNumber.FromText(text) is not null);

    // value; equals x; not x; exists; exists: false; equals x with exists
    [Theory]
    [InlineData("missing", Truth.Unknown, Truth.Unknown, Truth.False, Truth.True, Truth.False)]
    [InlineData("unreadable", Truth.Unknown, Truth.Unknown, Truth.Unknown, Truth.Unknown, Truth.Unknown)]
    [InlineData("valueless", Truth.Unknown, Truth.Unknown, Truth.True, Truth.False, Truth.Unknown)]
    [InlineData("x", Truth.True, Truth.False, Truth.True, Truth.False, Truth.True)]
    [InlineData("y", Truth.False, Truth.True, Truth.True, Truth.False, Truth.False)]
    [InlineData("X", Truth.Unknown, Truth.Unknown, Truth.True, Truth.False, Truth.Unknown)]
    public void What_is_missing_what_is_unreadable_and_what_is_there(string kind, Truth equal, Truth not, Truth exists, Truth absent, Truth both)
    {
        var value = kind switch
        {
            "missing" => FieldValue.Missing,
            "unreadable" => FieldValue.Unreadable("why"),
            "valueless" => FieldValue.Valueless,
            _ => FieldValue.OfText(kind, Reading.Loose),
        };
        var isX = new IsOneOf([Operand.OfText("x")]);
        Assert.Equal(equal, isX.Test(value));
        Assert.Equal(not, new IsNot([isX]).Test(value));
        Assert.Equal(exists, new Exists(true).Test(value));
        Assert.Equal(absent, new Exists(false).Test(value));
        Assert.Equal(both, isX.Test(value).And(new Exists(true).Test(value)));
    }

    // JSON value against a text, a number and a boolean
    [Theory]
    [InlineData("\"1\"", Truth.True, Truth.Unknown, Truth.Unknown)]
    [InlineData("1", Truth.Unknown, Truth.True, Truth.Unknown)]
    [InlineData("1.0", Truth.Unknown, Truth.True, Truth.Unknown)]
    [InlineData("2", Truth.Unknown, Truth.False, Truth.Unknown)]
    [InlineData("true", Truth.Unknown, Truth.Unknown, Truth.True)]
    [InlineData("false", Truth.Unknown, Truth.Unknown, Truth.False)]
    [InlineData("null", Truth.Unknown, Truth.Unknown, Truth.Unknown)]
    [InlineData("[1]", Truth.Unknown, Truth.Unknown, Truth.Unknown)]
    [InlineData("{}", Truth.Unknown, Truth.Unknown, Truth.Unknown)]
    public void Values_of_another_type_are_neither_equal_nor_different(string json, Truth text, Truth number, Truth boolean)
    {
        var value = FieldValue.OfJson(JsonElement.Parse(json), Reading.Exact);
        Assert.Equal(text, Operand.OfText("1").IsEqual(value));
        Assert.Equal(number, Operand.OfNumber("1", 1).IsEqual(value));
        Assert.Equal(boolean, Operand.OfBoolean(true).IsEqual(value));
    }
}
