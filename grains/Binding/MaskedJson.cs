using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace JitGrains.Binding;

/// <summary>Writes JSON for people, without its masked values.</summary>
internal static class MaskedJson
{
    // It escapes most of what misleads, and characters beyond the basic plane; DisplayText does the rest in the same notation.
    private static readonly JsonWriterOptions Layout = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The value, indented, every masked value replaced; the masks that hid something are added.</summary>
    public static string Write(JsonElement root, MaskCursor masks, ISet<string> masked)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Layout))
            Write(writer, root, masks, masked);
        return DisplayText.Escape(Encoding.UTF8.GetString(buffer.WrittenSpan), keepLayout: true);
    }

    private static void Write(Utf8JsonWriter writer, JsonElement element, MaskCursor masks, ISet<string> masked)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var property in element.EnumerateObject())
                {
                    writer.WritePropertyName(property.Name);
                    var within = masks.Enter(property.Name, out var hiddenBy);
                    if (hiddenBy is not null)
                        Hide(writer, hiddenBy, masked);
                    else
                        Write(writer, property.Value, within, masked);
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in element.EnumerateArray())
                    Write(writer, item, masks, masked);
                writer.WriteEndArray();
                break;
            default:
                if (masks.OfPlainValue is { } mask)
                    Hide(writer, mask, masked);
                else
                    WritePlain(writer, element);
                break;
        }
    }

    private static void Hide(Utf8JsonWriter writer, FieldMask mask, ISet<string> masked)
    {
        masked.Add(mask.Text);
        writer.WriteStringValue(DisplayText.Mask);
    }

    private static void WritePlain(Utf8JsonWriter writer, JsonElement element)
    {
        // Numbers keep the digits that were sent.
        if (element.ValueKind == JsonValueKind.Number)
            writer.WriteRawValue(element.GetRawText());
        else
            element.WriteTo(writer);
    }
}
