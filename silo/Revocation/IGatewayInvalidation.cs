namespace JitGrains.Silo.Revocation;

/// <summary>A gateway, as far as taking grants away from it goes. Thread-safe.</summary>
public interface IGatewayInvalidation
{
    /// <summary>
    /// Drops what it remembers of the caller and cancels the executions under the ended grants: those that have not sent
    /// their first upstream byte never will, and running ones are cut unless their action drains. When it returns, nothing
    /// starts under these grants in this gateway. Throws only where it could not do so.
    /// </summary>
    /// <param name="callerKey">The principal grain's key.</param>
    /// <param name="endedGrants">The grants that ended.</param>
    /// <param name="version">The view's version from which on they are gone: an older view must not be used any more.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    Task InvalidateAsync(string callerKey, IReadOnlyCollection<string> endedGrants, long version, CancellationToken cancellationToken);
}
