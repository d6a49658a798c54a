using JitGrains.Runtime.Engine;
using JitGrains.Silo;
using JitGrains.Silo.DevIssuer;
using JitGrains.Silo.Identity;
using JitGrains.Silo.Secrets;

namespace JitGrains.Gateway.Hosting;

/// <summary>The keys of one process, as many as its role may have.</summary>
/// <param name="Gateway">What every process has.</param>
/// <param name="Ring">All of them; null in a gateway.</param>
/// <param name="DevIssuer">The quickstart's issuer; null in a gateway.</param>
/// <param name="Issuer">In a gateway of a quickstart, what it trusts of the issuer that silos run.</param>
internal sealed record ProcessKeys(GatewayKeys Gateway, KeyRing? Ring, DevelopmentIssuer? DevIssuer, IssuerOptions? Issuer)
{
    /// <summary>Those of the data folder, or of the folder for keys.</summary>
    public static ProcessKeys OfFolder(Settings settings)
    {
        var ring = settings.Options.KeysFolder is { } mounted ? KeyRing.OpenMounted(mounted) : KeyRing.Open(settings.Folder);
        return new ProcessKeys(ring.ForGateways, ring, settings.Options.Quickstart ? DevelopmentIssuer.Open(settings.Folder) : null, null);
    }

    /// <summary>Those of the cluster. Waits a while for a database that is still starting, and for the first silo to have made them.</summary>
    public static async Task<ProcessKeys> OfClusterAsync(Settings settings)
    {
        var options = settings.Options;
        var store = KeyStores.InDatabase(settings.UseDatabase);
        if (!options.Role.RunsSilo())
        {
            var issuer = options.Quickstart ? await DevelopmentIssuer.FindSharedAsync(options.QuickstartIssuer!, store, TimeProvider.System) : null;
            return new ProcessKeys(await ClusterKeys.ForGatewayAsync(store, TimeProvider.System), null, null, issuer);
        }

        var folder = options.KeysFolder is { } mounted ? KeyRing.OpenMounted(mounted) : null;
        var ring = await AtStart.Reach(() => ClusterKeys.ForSiloAsync(store, folder), TimeProvider.System);
        return new ProcessKeys(ring.ForGateways, ring, options.Quickstart ? await AtStart.Reach(() => DevelopmentIssuer.OpenSharedAsync(settings.Folder, store), TimeProvider.System) : null, null);
    }
}
