using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using JitGrains.Json;

namespace JitGrains.UnitTests.Json;

public class CanonicalJsonTests
{
    private static string Canonical(string json) =>
        Encoding.UTF8.GetString(CanonicalJson.Serialize(JsonSerializer.Deserialize<JsonElement>(json)));

    [Fact]
    public void The_example_of_RFC_8785_section_3_2_2()
    {
        const string input = """
            {
              "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
              "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
              "literals": [null, true, false]
            }
            """;
        Assert.Equal(
            """{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}""",
            Canonical(input));
    }

    [Fact]
    public void Names_are_sorted_by_UTF_16_code_unit_as_in_RFC_8785_section_3_2_3()
    {
        const string input = """
            {"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
             "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}
            """;
        var order = JsonNode.Parse(Canonical(input))!.AsObject().Select(p => p.Value!.GetValue<string>());
        Assert.Equal(
            ["Carriage Return", "One", "Control", "Latin Small Letter O With Diaeresis", "Euro Sign", "Emoji: Grinning Face", "Hebrew Letter Dalet With Dagesh"],
            order);
    }

    /// <summary>RFC 8785 appendix B: a double's bits and its text.</summary>
    [Theory]
    [InlineData("0000000000000000", "0")]
    [InlineData("8000000000000000", "0")]
    [InlineData("0000000000000001", "5e-324")]
    [InlineData("8000000000000001", "-5e-324")]
    [InlineData("7fefffffffffffff", "1.7976931348623157e+308")]
    [InlineData("ffefffffffffffff", "-1.7976931348623157e+308")]
    [InlineData("4340000000000000", "9007199254740992")]
    [InlineData("c340000000000000", "-9007199254740992")]
    [InlineData("4430000000000000", "295147905179352830000")]
    [InlineData("44b52d02c7e14af5", "9.999999999999997e+22")]
    [InlineData("44b52d02c7e14af6", "1e+23")]
    [InlineData("44b52d02c7e14af7", "1.0000000000000001e+23")]
    [InlineData("444b1ae4d6e2ef4e", "999999999999999700000")]
    [InlineData("444b1ae4d6e2ef4f", "999999999999999900000")]
    [InlineData("444b1ae4d6e2ef50", "1e+21")]
    [InlineData("3eb0c6f7a0b5ed8c", "9.999999999999997e-7")]
    [InlineData("3eb0c6f7a0b5ed8d", "0.000001")]
    [InlineData("41b3de4355555553", "333333333.3333332")]
    [InlineData("41b3de4355555554", "333333333.33333325")]
    [InlineData("41b3de4355555555", "333333333.3333333")]
    [InlineData("41b3de4355555556", "333333333.3333334")]
    [InlineData("41b3de4355555557", "333333333.33333343")]
    [InlineData("becbf647612f3696", "-0.0000033333333333333333")]
    [InlineData("43143ff3c1cb0959", "1424953923781206.2")]
    public void Numbers_are_written_as_ECMAScript_does(string bits, string expected) =>
        Assert.Equal(expected, EcmaScriptNumber.Format(BitConverter.Int64BitsToDouble(long.Parse(bits, NumberStyles.HexNumber, CultureInfo.InvariantCulture))));

    [Theory]
    [InlineData("9007199254740993", "9007199254740993")]
    [InlineData("-123456789012345678901234567890", "-123456789012345678901234567890")]
    [InlineData("-0", "0")]
    [InlineData("1.0", "1")]
    [InlineData("10e-1", "1")]
    [InlineData("1E2", "100")]
    [InlineData("\"\\u007f\\u2028\"", "\"\u007f\u2028\"")]
    [InlineData("\"\\b\\t\\n\\f\\r\\u0000\\u001f\"", "\"\\b\\t\\n\\f\\r\\u0000\\u001f\"")]
    [InlineData(" [ ] ", "[]")]
    [InlineData(" { } ", "{}")]
    public void Values_have_one_form(string json, string expected) => Assert.Equal(expected, Canonical(json));

    [Theory]
    [InlineData("""{"a":1,"a":1}""")]
    [InlineData("""{"a":1,"\u0061":1}""")]
    [InlineData("1e400")]
    [InlineData("\"\\ud800\"")]
    [InlineData("{\"\\udc00\":1}")]
    public void What_has_no_canonical_form_throws(string json) => Assert.Throws<JsonException>(() => Canonical(json));

    [Fact]
    public void Any_double_reads_back_as_itself() =>
        Prop.ForAll<double>(value =>
        {
            if (!double.IsFinite(value))
                return true;
            return double.Parse(EcmaScriptNumber.Format(value), CultureInfo.InvariantCulture).Equals(value == 0 ? 0.0 : value);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Any_text_reads_back_as_itself() =>
        Prop.ForAll<string>(text =>
        {
            if (text is null || text.Any(char.IsSurrogate))
                return true;
            var node = new JsonObject { [text] = text };
            var back = JsonNode.Parse(CanonicalJson.Serialize(node))!.AsObject().Single();
            return back.Key == text && back.Value!.GetValue<string>() == text;
        }).QuickCheckThrowOnFailure();
}
