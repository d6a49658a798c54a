namespace JitGrains.Silo;

/// <summary>What a process of the cluster does.</summary>
public enum ProcessRole
{
    /// <summary>Everything in one process.</summary>
    All,

    /// <summary>
    /// Callers' requests. It may run turns of principals' and gateways' grains only: whatever else it wants of the control
    /// plane goes there as a message of these.
    /// </summary>
    Gateway,

    /// <summary>The control plane: requests, votes, policy, deliveries, reminders.</summary>
    Silo,
}

/// <summary>What the roles have in common.</summary>
public static class ProcessRoles
{
    /// <summary>Whether the process answers callers.</summary>
    public static bool RunsGateway(this ProcessRole role) => role != ProcessRole.Silo;

    /// <summary>Whether the process is a part of the control plane.</summary>
    public static bool RunsSilo(this ProcessRole role) => role != ProcessRole.Gateway;
}
