using System.Text.Json;

namespace JitGrains.Policy.Conditions;

/// <summary>The type of a value as written in the policy.</summary>
internal enum OperandKind
{
    /// <summary>Quoted, or no number or boolean.</summary>
    Text,

    /// <summary>A number.</summary>
    Number,

    /// <summary>True or false.</summary>
    Boolean,
}

/// <summary>A value as written in the policy.</summary>
internal sealed record Operand(OperandKind Kind, string Text, decimal Number)
{
    public static Operand OfText(string text) => new(OperandKind.Text, text, 0);

    public static Operand OfNumber(string text, decimal number) => new(OperandKind.Number, text, number);

    public static Operand OfBoolean(bool value) => new(OperandKind.Boolean, value ? "true" : "false", 0);

    /// <summary>Whether a value is this one. Another type, or the same thing written differently, cannot be told.</summary>
    public Truth IsEqual(in FieldValue value)
    {
        switch (value.Kind)
        {
            case FieldKind.Text:
                return value.Text == Text ? Truth.True : UntypedDifference(value);
            case FieldKind.JsonString:
                return Kind != OperandKind.Text ? Truth.Unknown : value.Text == Text ? Truth.True : TextDifference(value);
            case FieldKind.Json when value.Json.ValueKind == JsonValueKind.Number && Kind == OperandKind.Number:
                return value.Number is { } number ? (number == Number).ToTruth() : Truth.Unknown;
            case FieldKind.Json when value.Json.ValueKind is JsonValueKind.True or JsonValueKind.False && Kind == OperandKind.Boolean:
                return ((value.Json.ValueKind == JsonValueKind.True) == (Text == "true")).ToTruth();
            default:
                return Truth.Unknown;
        }
    }

    /// <summary>The operand as a value, to test what a policy says against itself.</summary>
    public FieldValue AsValue() => Kind switch
    {
        OperandKind.Text => FieldValue.OfText(Text, Reading.Exact),
        _ => FieldValue.OfJson(JsonElement.Parse(Text), Reading.Exact),
    };

    // "042" or "4.2e1" is not the text 42, but an upstream may well read it as that number.
    private Truth UntypedDifference(in FieldValue value) => Kind switch
    {
        OperandKind.Number => value.Number is { } number && number != Number ? Truth.False : Truth.Unknown,
        OperandKind.Boolean => value.Text is "true" or "false" ? Truth.False : Truth.Unknown,
        _ => TextDifference(value),
    };

    private Truth TextDifference(in FieldValue value) =>
        value.Reading != Reading.Exact && value.Folded(value.Text!) == value.Folded(Text) ? Truth.Unknown : Truth.False;

    public override string ToString() => Kind == OperandKind.Text ? $"\"{Text}\"" : Text;
}
