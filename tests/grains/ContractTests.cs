using System.Reflection;
using JitGrains.Principals;

namespace JitGrains.GrainTests;

/// <summary>What integrators and processes of another version rely on: names and versions that do not change with the code.</summary>
public sealed class ContractTests
{
    private static readonly Type[] Types = [.. typeof(IPrincipalGrain).Assembly.GetTypes().Where(t => t.Namespace?.StartsWith("JitGrains", StringComparison.Ordinal) == true)];

    [Fact]
    public void Every_grain_interface_has_a_name_and_a_version_and_so_has_each_method_a_name()
    {
        var interfaces = Types.Where(t => t.IsInterface && t.IsAssignableTo(typeof(IGrainWithStringKey))).ToArray();
        Assert.NotEmpty(interfaces);
        Assert.All(interfaces, i =>
        {
            Assert.StartsWith("jit.", i.GetCustomAttribute<AliasAttribute>(inherit: false)?.Alias ?? $"no alias: {i.Name}", StringComparison.Ordinal);
            Assert.True(i.GetCustomAttribute<VersionAttribute>()?.Version >= 1, $"{i.Name} has no version");
            Assert.All(i.GetMethods().Where(m => m.IsAbstract), m => Assert.Equal(m.Name, m.GetCustomAttribute<AliasAttribute>(inherit: false)?.Alias));
        });
    }

    [Fact]
    public void Every_contract_has_a_name_of_its_own()
    {
        var contracts = Types.Where(t => t.IsDefined(typeof(GenerateSerializerAttribute), inherit: false)).ToArray();
        Assert.NotEmpty(contracts);
        Assert.All(contracts, c => Assert.StartsWith("jit.", c.GetCustomAttribute<AliasAttribute>(inherit: false)?.Alias ?? $"no alias: {c.Name}", StringComparison.Ordinal));
        Assert.Equal(contracts.Length, contracts.Select(c => c.GetCustomAttribute<AliasAttribute>(inherit: false)!.Alias).Distinct(StringComparer.Ordinal).Count());
    }
}
