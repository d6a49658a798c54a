using System.Collections.Frozen;

namespace JitGrains.Audit;

/// <summary>
/// Which entries show a person doing something, and which only tell of one: a value that was erased is held again with the former
/// only. Stateless.
/// </summary>
internal static class Acts
{
    /// <summary>What happens to people without their doing: decided, run out, taken away, or done by somebody else, who is in other fields.</summary>
    private static readonly FrozenSet<string> Told = FrozenSet.Create(
        StringComparer.Ordinal,
        AuditTypes.RequestApproved, AuditTypes.RequestDenied, AuditTypes.RequestExpired, AuditTypes.RequestCancelled, AuditTypes.RequestFailed,
        AuditTypes.GrantIssued, AuditTypes.GrantRevoked, AuditTypes.GrantExpired, AuditTypes.GrantsRevoked, AuditTypes.ExecutionOutcome,
        AuditTypes.PrincipalBlocked, AuditTypes.PrincipalUnblocked, AuditTypes.KeyCreated, AuditTypes.KeyRevoked, AuditTypes.SessionEnded, AuditTypes.ValueErased);

    /// <summary>Whether this field of such an entry shows it.</summary>
    public static bool Shows(string type, string field) => !Told.Contains(type) || field is "by" or "reason";
}
