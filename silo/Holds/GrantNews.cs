using System.Text.Json;
using JitGrains.Grants;
using JitGrains.Json;
using JitGrains.Runtime.Engine;

namespace JitGrains.Silo.Holds;

/// <summary>
/// What the bus says of a new grant: its request's id, and, where it fits, the grant as signed, so that a held caller's gateway need
/// not read it. Anybody with a login to the database can send such a message: the signature is for whoever uses the grant to check.
/// </summary>
internal static class GrantNews
{
    /// <summary>The message's data.</summary>
    public static string Print(string requestId, Grant? signed)
    {
        if (signed is null)
            return requestId;
        var whole = $"{requestId} {JsonSerializer.Serialize(signed, JitJson.Options)}";
        return whole.Length <= BusMessage.MaxData ? whole : requestId;
    }

    /// <summary>Which request it is about.</summary>
    public static string RequestOf(string data) => data.IndexOf(' ', StringComparison.Ordinal) is var end and >= 0 ? data[..end] : data;

    /// <summary>The grant that came with it, unchecked; null where none did, or none that this version can read.</summary>
    public static Grant? GrantOf(string data)
    {
        if (data.IndexOf(' ', StringComparison.Ordinal) is not (var end and >= 0))
            return null;
        try
        {
            return JsonSerializer.Deserialize<Grant>(data.AsSpan(end + 1), JitJson.Options);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            return null;
        }
    }
}
