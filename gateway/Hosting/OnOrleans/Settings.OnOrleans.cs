using JitGrains.Runtime.Engine;

namespace JitGrains.Gateway.Hosting;

/// <summary>Orleans' own settings (docs/orleans.md).</summary>
internal sealed partial record Settings
{
    static partial void CheckEngine(IConfiguration section, GatewayOptions options, ICollection<string> problems)
    {
        var orleans = OrleansOptions.Read(section, problems);
        if (orleans.Storage != OrleansStorage.Memory && options.Database is null)
            problems.Add("Orleans:Storage: with grains that outlive the process, JitGrains' own tables need Database.");
        if (orleans.Storage == OrleansStorage.Memory && options.Database is not null)
            problems.Add("Orleans:Storage is Memory: tables in Database would outlive the grains that they tell of.");
    }

    partial void UseEngine(GrainEngineOptions engine)
    {
        engine.Orleans = OrleansOptions.Read(Builder.Configuration.GetSection(GatewayHost.Section), []);
        if (engine.Orleans.Storage != OrleansStorage.Memory)
            return;
        // Read models that outlived the grains would take their next messages for old ones.
        engine.UseMemory = true;
        engine.DataFolder = null;
    }
}
