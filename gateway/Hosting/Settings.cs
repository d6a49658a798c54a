using JitGrains.Runtime.Engine;
using JitGrains.Silo;
using JitGrains.Silo.Secrets;

namespace JitGrains.Gateway.Hosting;

/// <summary>What a process is configured to be, checked.</summary>
/// <param name="Builder">The host's builder.</param>
/// <param name="Options">The process' options.</param>
/// <param name="Silo">The control plane's.</param>
/// <param name="InMemory">Whether nothing is to be kept.</param>
internal sealed partial record Settings(WebApplicationBuilder Builder, GatewayOptions Options, SiloOptions Silo, bool InMemory)
{
    /// <summary>The data folder, opened when it is first asked for: a gateway of a cluster keeps nothing.</summary>
    public DataFolder Folder => field ??= DataFolder.Open(Options.Data);

    /// <summary>Chooses the store.</summary>
    public void UseStore(GrainEngineOptions engine)
    {
        if (Options.Database is not null)
            UseDatabase(engine);
        else if (InMemory)
            engine.UseMemory = true;
        else
            engine.DataFolder = Folder.Path;
        UseEngine(engine);
    }

    /// <summary>The cluster's database, and what of its work this role does.</summary>
    public void UseDatabase(GrainEngineOptions engine)
    {
        engine.Database = Options.Database;
        engine.DatabaseOwner = Options.DatabaseOwner;
        engine.DatabaseListen = Options.DatabaseListen;
        engine.DatabaseBehindPooler = Options.DatabaseBehindPooler;
        engine.DatabaseConnections = Options.DatabaseConnections;
        engine.RunsOutbox = engine.RunsReminders = Options.Role.RunsSilo();
    }

    /// <summary>Reports what is wrong with the settings of another engine, where it was built with one.</summary>
    static partial void CheckEngine(IConfiguration section, GatewayOptions options, ICollection<string> problems);

    /// <summary>Has another engine take its settings, where it was built with one.</summary>
    partial void UseEngine(GrainEngineOptions engine);

    /// <summary>Everything that is wrong with the engine's settings.</summary>
    public static IReadOnlyList<string> EngineProblems(IConfiguration section, GatewayOptions options)
    {
        var problems = new List<string>();
        CheckEngine(section, options, problems);
        return problems;
    }
}
