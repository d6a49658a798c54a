using System.Net;
using Microsoft.Extensions.Configuration;

namespace JitGrains.Runtime.Engine;

/// <summary>Where Orleans keeps its membership, grains and reminders.</summary>
public enum OrleansStorage
{
    /// <summary>In memory, one silo on this machine: for trials. Nothing outlives the process.</summary>
    Memory,

    /// <summary>In PostgreSQL, with Orleans' own tables, through its AdoNet providers.</summary>
    Database,

    /// <summary>In Azure Storage. Only where it was built with <c>OrleansAzure=true</c>.</summary>
    Azure,
}

/// <summary>How Orleans runs (section <c>Orleans</c> of the settings). docs/orleans.md explains the choices.</summary>
public sealed record OrleansOptions
{
    /// <summary>Where it keeps what it keeps. Default: Database where there is one, otherwise Memory.</summary>
    public OrleansStorage Storage { get; init; }

    /// <summary>PostgreSQL's connection string for Orleans' tables. Default: the setting <c>Database</c>.</summary>
    public string? Database { get; init; }

    /// <summary>Azure Storage: the table service's address, reached with the process' Azure identity.</summary>
    public Uri? AzureTables { get; init; }

    /// <summary>Azure Storage: the blob service's address, where grains are kept.</summary>
    public Uri? AzureBlobs { get; init; }

    /// <summary>The cluster's name: processes of one name find each other. Default <c>jitgrains</c>.</summary>
    public string ClusterId { get; init; } = "jitgrains";

    /// <summary>The name under which grains are stored; never change it. Default <c>jitgrains</c>.</summary>
    public string ServiceId { get; init; } = "jitgrains";

    /// <summary>The address under which the cluster's other processes reach this silo. Default 127.0.0.1.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>The port for other silos. Default 11111.</summary>
    public int SiloPort { get; init; } = 11_111;

    /// <summary>The port for clients: gateways, and integrators' own. Default 30000.</summary>
    public int GatewayPort { get; init; } = 30_000;

    /// <summary>Whether this process only calls grains, and hosts none.</summary>
    public bool ClientOnly { get; init; }

    /// <summary>Reads the settings, adding to <paramref name="problems"/> whatever cannot be used.</summary>
    /// <param name="settings">The section that holds all settings.</param>
    /// <param name="problems">Takes the problems.</param>
    public static OrleansOptions Read(IConfiguration settings, ICollection<string> problems)
    {
        var section = settings.GetSection("Orleans");
        var defaults = new OrleansOptions();
        var database = section["Database"] ?? settings["Database"];
        var options = new OrleansOptions
        {
            Database = database,
            Storage = Parse(section, "Storage", database is null ? OrleansStorage.Memory : OrleansStorage.Database, problems, static (string text, out OrleansStorage value) => Enum.TryParse(text, ignoreCase: true, out value) && Enum.IsDefined(value)),
            AzureTables = Service(section, "AzureTables", problems),
            AzureBlobs = Service(section, "AzureBlobs", problems),
            ClusterId = section["ClusterId"] ?? defaults.ClusterId,
            ServiceId = section["ServiceId"] ?? defaults.ServiceId,
            Address = Parse(section, "Address", defaults.Address, problems, static (string text, out IPAddress value) => IPAddress.TryParse(text, out value!)),
            SiloPort = Parse(section, "SiloPort", defaults.SiloPort, problems, Port),
            GatewayPort = Parse(section, "GatewayPort", defaults.GatewayPort, problems, Port),
            ClientOnly = string.Equals(settings["Role"], "gateway", StringComparison.OrdinalIgnoreCase),
        };
        if (options is { Storage: OrleansStorage.Database, Database: null })
            problems.Add("Orleans:Storage is Database, but there is no Database.");
        if (options is { Storage: OrleansStorage.Azure } && !OrleansProviders.HasAzure)
            problems.Add("Orleans:Storage is Azure, but this was built without OrleansAzure=true.");
        if (options is { Storage: OrleansStorage.Azure } and not { AzureTables: not null, AzureBlobs: not null })
            problems.Add("Orleans:Storage is Azure: Orleans:AzureTables and Orleans:AzureBlobs name the services.");
        return options;
    }

    private delegate bool Parser<T>(string text, out T value);

    private static T Parse<T>(IConfiguration section, string name, T otherwise, ICollection<string> problems, Parser<T> parser)
    {
        if (section[name] is not { } text)
            return otherwise;
        if (parser(text, out var value))
            return value;
        problems.Add($"Orleans:{name}: '{text}' cannot be read.");
        return otherwise;
    }

    private static bool Port(string text, out int value) => int.TryParse(text, out value) && value is > 0 and <= 65_535;

    private static Uri? Service(IConfiguration section, string name, ICollection<string> problems) =>
        Parse<Uri?>(section, name, null, problems, static (string text, out Uri? value) => Uri.TryCreate(text, UriKind.Absolute, out value));
}
