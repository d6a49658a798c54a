namespace JitGrains.Approvals;

/// <summary>An approval request's status on the wire: pending, then exactly one of the others.</summary>
[GenerateSerializer, Alias("jit.RequestStatus")]
public enum RequestStatus
{
    /// <summary>Not decided, or decided in favour with its grant still in the making.</summary>
    Pending,

    /// <summary>Approved, and the grant exists.</summary>
    Approved,

    /// <summary>An approver voted against it.</summary>
    Denied,

    /// <summary>Its deadline passed undecided.</summary>
    Expired,

    /// <summary>The requester took it back.</summary>
    Cancelled,

    /// <summary>Approved, but the grant could not be made (revoked meanwhile).</summary>
    Failed,
}
