using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;

namespace JitGrains.Runtime.Engine;

/// <summary>Chooses Orleans' providers of membership, grain storage and reminders.</summary>
internal static partial class OrleansProviders
{
    /// <summary>The name by which .NET knows PostgreSQL's driver.</summary>
    private const string Npgsql = "Npgsql";

    /// <summary>Whether this was built with Azure Storage's providers.</summary>
    public static bool HasAzure
    {
        get
        {
            var has = false;
            FindAzure(ref has);
            return has;
        }
    }

    public static void Configure(ISiloBuilder silo, OrleansOptions options)
    {
        switch (options.Storage)
        {
            case OrleansStorage.Memory:
                silo.UseLocalhostClustering(options.SiloPort, options.GatewayPort, serviceId: options.ServiceId, clusterId: options.ClusterId);
                silo.AddMemoryGrainStorageAsDefault();
                silo.UseInMemoryReminderService();
                break;
            case OrleansStorage.Database:
                silo.UseAdoNetClustering(o => (o.Invariant, o.ConnectionString) = (Npgsql, options.Database!));
                silo.AddAdoNetGrainStorageAsDefault(o => (o.Invariant, o.ConnectionString) = (Npgsql, options.Database!));
                silo.UseAdoNetReminderService(o => (o.Invariant, o.ConnectionString) = (Npgsql, options.Database!));
                break;
            default:
                ConfigureAzure(silo, options);
                break;
        }

        silo.Configure<ClusterOptions>(o => Name(o, options));
        silo.Configure<EndpointOptions>(o => (o.AdvertisedIPAddress, o.SiloPort, o.GatewayPort) = (options.Address, options.SiloPort, options.GatewayPort));
    }

    public static void Configure(IClientBuilder client, OrleansOptions options)
    {
        switch (options.Storage)
        {
            case OrleansStorage.Memory:
                client.UseLocalhostClustering(options.GatewayPort, options.ServiceId, options.ClusterId);
                break;
            case OrleansStorage.Database:
                client.UseAdoNetClustering(o => (o.Invariant, o.ConnectionString) = (Npgsql, options.Database!));
                break;
            default:
                ConfigureAzure(client, options);
                break;
        }

        client.Configure<ClusterOptions>(o => Name(o, options));
    }

    private static void Name(ClusterOptions cluster, OrleansOptions options) =>
        (cluster.ClusterId, cluster.ServiceId) = (options.ClusterId, options.ServiceId);

    static partial void ConfigureAzure(ISiloBuilder silo, OrleansOptions options);

    static partial void ConfigureAzure(IClientBuilder client, OrleansOptions options);

    static partial void FindAzure(ref bool has);
}
