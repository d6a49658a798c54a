using System.Collections.Immutable;
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

    /// <summary>A builder with all sources of settings.</summary>
    public static WebApplicationBuilder Sources(string[] args, IReadOnlyDictionary<string, string>? further, ICollection<string> problems)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.AddInMemoryCollection(CommandLine.Parse(args, problems));
        builder.Configuration.AddInMemoryCollection((further ?? ImmutableDictionary<string, string>.Empty).Select(s => KeyValuePair.Create($"{GatewayHost.Section}:{s.Key}", (string?)s.Value)));
        return builder;
    }

    /// <summary>Chooses the store; its folder is opened, where it is in one.</summary>
    public void UseStore(GrainEngineOptions engine)
    {
        if (Options.Database is null && !InMemory)
            _ = Folder;
        NameStore(engine);
    }

    /// <summary>The same, without a look at what is there.</summary>
    public void NameStore(GrainEngineOptions engine)
    {
        if (Options.Database is not null)
            UseDatabase(engine);
        else if (InMemory)
            engine.UseMemory = true;
        else
            engine.DataFolder = Path.GetFullPath(Options.Data);
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
