using System.Collections.Frozen;
using System.Reflection;
using System.Text.Json.Serialization;
using JitGrains.Outbox;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// The messages' kinds, as a column of their own: the database's rules about who may send what go by it, and a row whose
/// text says another kind is not delivered.
/// </summary>
internal static class OutboxKinds
{
    private static readonly FrozenDictionary<Type, string> Kinds = typeof(OutboxMessage)
        .GetCustomAttributes<JsonDerivedTypeAttribute>()
        .ToFrozenDictionary(a => a.DerivedType, a => (string)a.TypeDiscriminator!);

    public static string Of(OutboxMessage message) => Kinds[message.GetType()];

    /// <summary>The message of a row; throws where it is not of the kind that its row says.</summary>
    public static OutboxMessage Read(string kind, string json)
    {
        var message = StoreJson.Parse<OutboxMessage>(json);
        return Of(message) == kind ? message : throw new InvalidOperationException($"an outbox row of kind {kind} holds a {Of(message)}");
    }
}
