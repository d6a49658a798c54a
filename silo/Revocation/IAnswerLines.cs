namespace JitGrains.Silo.Revocation;

/// <summary>
/// Ways from gateways to silos past the bus, for what answers one silo alone: over the bus each answer wakes every process that
/// listens there, so that a revocation with many gateways costs the database a wake-up for each of them and each of them again. What is
/// sent may be lost, as on the bus. Thread-safe; sending does not wait for the network and does not throw.
/// </summary>
public interface IAnswerLines
{
    /// <summary>Where this process is answered, or null where it is by the bus only.</summary>
    string? Own { get; }

    /// <summary>Sends to whoever is answered there. False where there is no line to it: one is tried for, for the next time.</summary>
    bool TrySend(string address, string text);
}
