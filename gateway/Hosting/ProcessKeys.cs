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
    /// <param name="settings">Where the database is, and which role needs them.</param>
    /// <param name="errors">Where it says what it waits for: there is no log yet.</param>
    public static async Task<ProcessKeys> OfClusterAsync(Settings settings, TextWriter errors)
    {
        var options = settings.Options;
        var store = KeyStores.InDatabase(settings.UseDatabase);
        var last = "";
        if (!options.Role.RunsSilo())
        {
            var issuer = options.Quickstart ? await DevelopmentIssuer.FindSharedAsync(options.QuickstartIssuer!, store, TimeProvider.System, Waits) : null;
            return new ProcessKeys(await ClusterKeys.ForGatewayAsync(store, TimeProvider.System, Waits), null, null, issuer);
        }

        var folder = options.KeysFolder is { } mounted ? KeyRing.OpenMounted(mounted) : null;
        var ring = await AtStart.Reach(() => ClusterKeys.ForSiloAsync(store, folder), TimeProvider.System, Waits);
        var own = options.Quickstart ? await AtStart.Reach(() => DevelopmentIssuer.OpenSharedAsync(settings.Folder, store), TimeProvider.System, Waits) : null;
        return new ProcessKeys(ring.ForGateways, ring, own, null);

        // Once for as long as it is the same.
        void Waits(string trouble)
        {
            if (trouble != last)
                errors.WriteLine($"Waiting: {last = trouble}");
        }
    }
}
