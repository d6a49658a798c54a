using Azure.Data.Tables;
using Azure.Identity;
using Azure.Storage.Blobs;

namespace JitGrains.Runtime.Engine;

/// <summary>Azure Storage: membership and reminders in tables, grains in blobs (a table's row is too small for some).</summary>
internal static partial class OrleansProviders
{
    static partial void ConfigureAzure(ISiloBuilder silo, OrleansOptions options)
    {
        silo.UseAzureStorageClustering(o => o.TableServiceClient = Tables(options));
        silo.AddAzureBlobGrainStorageAsDefault(o => o.BlobServiceClient = new BlobServiceClient(options.AzureBlobs, new DefaultAzureCredential()));
        silo.UseAzureTableReminderService(o => o.TableServiceClient = Tables(options));
    }

    static partial void ConfigureAzure(IClientBuilder client, OrleansOptions options) =>
        client.UseAzureStorageClustering(o => o.TableServiceClient = Tables(options));

    static partial void FindAzure(ref bool has) => has = true;

    private static TableServiceClient Tables(OrleansOptions options) => new(options.AzureTables, new DefaultAzureCredential());
}
