using System.Collections.Immutable;

namespace JitGrains.Policy.Schema;

/// <summary>A type of value in a policy file: what the binder accepts and what the JSON Schema says.</summary>
internal abstract record ValueType;

/// <summary>Text.</summary>
internal sealed record TextType(string? Pattern = null, ImmutableArray<string> OneOf = default) : ValueType;

/// <summary>True or false.</summary>
internal sealed record BooleanType : ValueType;

/// <summary>A whole number.</summary>
internal sealed record IntegerType(int Minimum, int Maximum) : ValueType;

/// <summary>Any number.</summary>
internal sealed record NumberType : ValueType;

/// <summary>A list.</summary>
internal sealed record ListType(ValueType Item, bool NotEmpty = false) : ValueType;

/// <summary>A mapping with names chosen by the author.</summary>
internal sealed record MapType(ValueType Value, string? KeyPattern = null) : ValueType;

/// <summary>A mapping with known keys.</summary>
internal sealed record ShapeType(Shape Shape) : ValueType;

/// <summary>A mapping with known keys that holds itself.</summary>
internal sealed record LazyShapeType(Func<Shape> Get) : ValueType
{
    public Shape Shape => Get();
}

/// <summary>One of several types.</summary>
internal sealed record EitherType(params ValueType[] Types) : ValueType
{
    public bool Equals(EitherType? other) => other is not null && Types.SequenceEqual(other.Types);

    public override int GetHashCode() => Types.Length;
}

/// <summary>A key of a shape.</summary>
internal sealed record ShapeKey(string Name, ValueType Type, string Description, bool Required = false);

/// <summary>A mapping with known keys: the one place that says which there are.</summary>
internal sealed class Shape(string name, string description, params ShapeKey[] keys)
{
    public string Name { get; } = name;

    public string Description { get; } = description;

    public ImmutableArray<ShapeKey> Keys { get; } = [.. keys];
}
