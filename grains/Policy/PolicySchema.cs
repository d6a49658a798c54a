using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using JitGrains.Policy.Schema;

namespace JitGrains.Policy;

/// <summary>The JSON Schema (2020-12) of policy files, for editors. Made from the tables that the loader reads by.</summary>
public static class PolicySchema
{
    private static readonly JsonSerializerOptions Options = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The schema's text, as checked in at docs/policy.schema.json.</summary>
    public static string Generate()
    {
        var definitions = new SortedDictionary<string, JsonNode?>(StringComparer.Ordinal);
        var root = OfShape(PolicyShapes.Root, definitions);
        root.Insert(0, "$schema", "https://json-schema.org/draft/2020-12/schema");
        root.Insert(1, "title", "JitGrains policy");
        root.Add("$defs", new JsonObject(definitions));
        return root.ToJsonString(Options) + "\n";
    }

    private static JsonObject OfShape(Shape shape, SortedDictionary<string, JsonNode?> definitions)
    {
        var properties = new JsonObject();
        foreach (var key in shape.Keys)
        {
            var type = OfType(key.Type, definitions);
            type["description"] = key.Description;
            properties.Add(key.Name, type);
        }

        var schema = new JsonObject { ["description"] = shape.Description, ["type"] = "object", ["properties"] = properties };
        var required = shape.Keys.Where(k => k.Required).Select(k => (JsonNode)k.Name).ToArray();
        if (required.Length > 0)
            schema["required"] = new JsonArray(required);
        schema["additionalProperties"] = false;
        return schema;
    }

    private static JsonObject OfType(Schema.ValueType type, SortedDictionary<string, JsonNode?> definitions)
    {
        switch (type)
        {
            case TextType text:
                var schema = new JsonObject { ["type"] = "string" };
                if (text.Pattern is not null)
                    schema["pattern"] = text.Pattern;
                if (!text.OneOf.IsDefault)
                    schema["enum"] = new JsonArray([.. text.OneOf.Select(w => (JsonNode)w)]);
                return schema;
            case BooleanType:
                return new JsonObject { ["type"] = "boolean" };
            case NumberType:
                return new JsonObject { ["type"] = "number" };
            case IntegerType integer:
                return new JsonObject { ["type"] = "integer", ["minimum"] = integer.Minimum, ["maximum"] = integer.Maximum };
            case ListType list:
                var array = new JsonObject { ["type"] = "array", ["items"] = OfType(list.Item, definitions) };
                if (list.NotEmpty)
                    array["minItems"] = 1;
                return array;
            case MapType map:
                var mapping = new JsonObject { ["type"] = "object", ["additionalProperties"] = OfType(map.Value, definitions) };
                if (map.KeyPattern is not null)
                    mapping["propertyNames"] = new JsonObject { ["pattern"] = map.KeyPattern };
                return mapping;
            case EitherType either:
                return new JsonObject { ["anyOf"] = new JsonArray([.. either.Types.Select(t => (JsonNode)OfType(t, definitions))]) };
            case LazyShapeType lazy:
                return Reference(lazy.Shape, definitions);
            case ShapeType shape:
                return Reference(shape.Shape, definitions);
            default:
                throw new InvalidOperationException($"{type.GetType().Name} does not occur in policy files.");
        }
    }

    private static JsonObject Reference(Shape shape, SortedDictionary<string, JsonNode?> definitions)
    {
        // The entry is made before its content, which may hold the shape itself.
        if (definitions.TryAdd(shape.Name, null))
            definitions[shape.Name] = OfShape(shape, definitions);
        return new JsonObject { ["$ref"] = $"#/$defs/{shape.Name}" };
    }
}
