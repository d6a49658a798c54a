using JitGrains.Identity;
using JitGrains.Wire;

namespace JitGrains.Silo.ControlPlane;

/// <summary>
/// Who may see and do what on the control plane. Roles are held in person: whoever comes through an actor has none, and
/// sees its own requests only. Thread-safe.
/// </summary>
internal sealed class Access(SiloOptions options)
{
    public bool IsOperator(Caller caller) => IsIn(caller, options.Operators);

    public bool IsAuditor(Caller caller) => IsIn(caller, options.Auditors);

    /// <summary>The roles that the configuration gives. Approvers are those whom a request's stages admit.</summary>
    public IEnumerable<string> RolesOf(Caller caller)
    {
        if (IsOperator(caller))
            yield return "operator";
        if (IsAuditor(caller))
            yield return "auditor";
    }

    /// <summary>Sees everything.</summary>
    public bool SeesAll(Caller caller) => IsOperator(caller) || IsAuditor(caller);

    /// <summary>Whether some stage admits the caller. Whether a vote counts is for the request's grain to say.</summary>
    public static bool IsApprover(Caller caller, ApprovalRequestView request) =>
        caller.Actors.IsDefaultOrEmpty
        && caller.Excluded.IsDefaultOrEmpty
        && request.Principal != caller.Principal
        && !(request.Actors.Contains(caller.Principal) || request.Excluded.Contains(caller.Principal))
        && request.Stages.Any(s => s.Principals.Contains(caller.Principal) || s.Groups.Any(caller.Groups.Contains));

    /// <summary>Whether it is the caller's own ask, or one that somebody made in its name.</summary>
    public static bool IsOwn(Caller caller, ApprovalRequestView request) =>
        request.CallerKey == caller.Key || (caller.Actors.IsDefaultOrEmpty && request.Principal == caller.Principal);

    public bool MaySee(Caller caller, ApprovalRequestView request) =>
        SeesAll(caller) || IsOwn(caller, request) || IsApprover(caller, request);

    private static bool IsIn(Caller caller, IEnumerable<string> groups) =>
        caller.Actors.IsDefaultOrEmpty && groups.Any(caller.Groups.Contains);
}
