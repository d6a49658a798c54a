using System.Buffers.Binary;
using System.Collections.Immutable;
using JitGrains.Identity;
using JitGrains.Silo.Identity;
using JitGrains.Simulation.Machine;

namespace JitGrains.Simulation.Edges;

/// <summary>The people and services of the simulated cluster. A token is a name.</summary>
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

    public static PrincipalId Id(string name) => PrincipalId.TryParse($"{Realm}:user:{name}", null, out var id, out var wrong) ? id : throw new InvalidOperationException(wrong);

    public static Caller Caller(string name, DateTimeOffset now) => new()
    {
        Principal = Id(name),
        Groups = [.. GroupsOf[name].Select(g => $"{Realm}:{g}")],
        TokenIssuedAt = now - TimeSpan.FromMinutes(1),
        TokenExpiresAt = now + TimeSpan.FromHours(8),
    };
}

/// <summary>Takes everybody's word for who they are.</summary>
internal sealed class SimTokens : ITokenValidator
{
    public ValueTask<TokenResult> ValidateAsync(in Credentials presented, DateTimeOffset now, CancellationToken cancellation)
    {
        var name = presented.Authorization.ToString().Replace("Bearer ", "", StringComparison.Ordinal);
        return ValueTask.FromResult<TokenResult>(new TokenResult.Valid(People.Caller(name, now)));
    }

    public TokenResult? ProblemOf(PresentedCertificate certificate, DateTimeOffset now) => null;
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
