using System.Reflection;

namespace JitGrains.Runtime.Engine;

/// <summary>The grain classes that the host names. Orleans finds classes by itself; this checks that they can be stored.</summary>
internal sealed class GrainTypes
{
    public static GrainTypes Create(IEnumerable<Type> grains, List<string> problems)
    {
        problems.AddRange(grains
            .Where(g => g.GetCustomAttribute<GrainTypeAttribute>() is null)
            .Select(g => $"{g.Name} has no [GrainType] name"));
        return new GrainTypes();
    }
}
