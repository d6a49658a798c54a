using System.Buffers.Binary;
using System.Collections.Immutable;
using JitGrains.Identity;
using JitGrains.Simulation.Machine;

namespace JitGrains.Simulation.Edges;

/// <summary>The people and services of the simulated cluster.</summary>
internal static class People
{
    public const string Realm = "dev";

    public static readonly ImmutableDictionary<string, ImmutableArray<string>> GroupsOf = new Dictionary<string, ImmutableArray<string>>(StringComparer.Ordinal)
    {
        ["alice"] = ["engineering"],
        ["erin"] = ["engineering"],
        // Who may approve may also ask, and must not approve what it asked for.
        ["bob"] = ["engineering", "managers"],
        ["carol"] = ["managers", "security"],
        ["dave"] = ["security"],
        ["olga"] = ["operators"],
    }.ToImmutableDictionary(StringComparer.Ordinal);

    public static readonly ImmutableArray<string> Callers = ["alice", "erin", "bob"];

    public static readonly ImmutableArray<string> Approvers = ["bob", "carol", "dave"];

    /// <summary>Programs that call with API keys.</summary>
    public static readonly ImmutableArray<string> Robots = ["robot-1", "robot-2"];

    public static PrincipalId Id(string name) => PrincipalId.TryParse($"{Realm}:user:{name}", null, out var id, out var wrong) ? id : throw new InvalidOperationException(wrong);
}

/// <summary>Ids by the dice.</summary>
internal sealed class SimIds(Dice dice) : IIdGenerator
{
    public string NewSuffix()
    {
        Span<byte> bytes = stackalloc byte[IdFormat.Bytes];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, dice.Next());
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], dice.Next());
        return IdFormat.Encode(bytes);
    }
}
