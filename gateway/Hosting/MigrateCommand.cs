using JitGrains.Runtime.Engine;
using JitGrains.Silo;

namespace JitGrains.Gateway.Hosting;

/// <summary>
/// <c>migrate</c>: brings the store up to this version as its owner, and ends; so that the processes that stay need no login that may
/// change the schema. Of the settings it looks at those of the store only. Stateless.
/// </summary>
internal static class MigrateCommand
{
    public const string Name = "migrate";

    /// <summary>Does it, and says what was done.</summary>
    /// <param name="args">The command line behind the name.</param>
    /// <param name="output">Where it is said.</param>
    /// <param name="further">Settings by their names, above those of the environment.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="StartupException">It cannot be done as configured, or the store was away all the time.</exception>
    /// <exception cref="StoreOpenException">The store is of a later version, or this login may not do it.</exception>
    public static async Task RunAsync(string[] args, TextWriter output, IReadOnlyDictionary<string, string>? further = null, CancellationToken cancellationToken = default)
    {
        var engine = ReadStore(args, further);
        // A job may come before its database does.
        foreach (var line in await AtStart.Reach(() => StoreMigration.RunAsync(engine, cancellationToken), TimeProvider.System, cancellationToken))
            await output.WriteLineAsync(line);
    }

    private static GrainEngineOptions ReadStore(string[] args, IReadOnlyDictionary<string, string>? further)
    {
        var problems = new List<string>();
        var builder = Settings.Sources(args, further, problems);
        var section = builder.Configuration.GetSection(GatewayHost.Section);
        // The owner does all of it; the login that processes use may be there or not.
        if (!string.IsNullOrWhiteSpace(section["DatabaseOwner"]))
            section["Database"] = section["DatabaseOwner"];
        var options = GatewayOptions.Read(section, development: false, problems);
        if (section["Store"] is not null && options.Database is not null)
            problems.Add("Store, Database: name one of the two.");
        if (options.Database is not null)
            problems.AddRange(new GrainEngineOptions { Database = options.Database }.DatabaseProblems());
        problems.AddRange(Settings.EngineProblems(section, options));
        StartupException.ThrowIfAny(problems);
        var engine = new GrainEngineOptions();
        new Settings(builder, options, new SiloOptions(), InMemory: section["Store"] == "memory").NameStore(engine);
        return engine;
    }
}
