namespace JitGrains.Gateway.Leases;

/// <summary>What this gateway may do at this moment without asking anybody. Thread-safe; costs two looks at clocks.</summary>
internal interface IGatewayLease
{
    /// <summary>Whether executions may start under approve rules. Without it every approve rule answers 503.</summary>
    bool IsLive { get; }

    /// <summary>Whether calls may start under allow rules: they go on for a while without a lease.</summary>
    bool MayAllow { get; }

    /// <summary>The incarnation that holds the lease, or held the last.</summary>
    string Incarnation { get; }
}
