using JitGrains.ClusterTests.Recording;
using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Running;

/// <summary>The settings that all processes of a run share.</summary>
internal static class Settings
{
    public static void Apply(ClusterProcess process, Upstream upstream, Issuer issuer)
    {
        var policy = Path.Combine(process.Folder, "policy.yaml");
        var text = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "policy.yaml"));
        File.WriteAllText(policy, text.Replace("$UPSTREAM", upstream.Address.GetLeftPart(UriPartial.Authority), StringComparison.Ordinal));
        process.Set("Policy", policy);
        process.Set("Data", Path.Combine(process.Folder, "data"));
        process.Set("Issuers__0__Realm", "dev");
        process.Set("Issuers__0__Issuer", issuer.Address);
        process.Set("Issuers__0__Audiences__0", Issuer.Audience);
        process.Set("Operators__0", "dev:operators");
        process.Set("Port", $"{process.Gateway.Port}");
        process.Set("ControlPort", $"{process.Control.Port}");
    }
}
