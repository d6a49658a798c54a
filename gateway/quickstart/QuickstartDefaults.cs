using System.Collections.Immutable;
using JitGrains.Silo;
using JitGrains.Silo.DevIssuer;

namespace JitGrains.Gateway.Quickstart;

/// <summary>What the quickstart adds where nothing was configured: roles for its groups.</summary>
internal static class QuickstartDefaults
{
    public static SiloOptions Apply(SiloOptions silo) => silo with
    {
        Operators = silo.Operators.IsEmpty ? Group("managers") : silo.Operators,
        Auditors = silo.Auditors.IsEmpty ? Group("auditors") : silo.Auditors,
    };

    /// <summary>The quickstart's policy: in a checkout the file itself, so that changing it shows; otherwise the copy beside the program.</summary>
    public static string Policy()
    {
        var source = Path.Combine("gateway", "quickstart", "policy.yaml");
        return File.Exists(source) ? source : Path.Combine(AppContext.BaseDirectory, "quickstart", "policy.yaml");
    }

    private static ImmutableArray<string> Group(string name) => [$"{DevelopmentIssuer.Realm}:{name}"];
}
