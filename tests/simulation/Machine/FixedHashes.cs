using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;

namespace JitGrains.Simulation.Machine;

/// <summary>
/// Takes the randomness out of hash codes. The runtime draws a seed at each start, and with it the order in which immutable
/// and concurrent dictionaries are gone through; the same seed must give the same history in every process.
/// </summary>
internal static class FixedHashes
{
    /// <summary>Call it first of all, before anything has been hashed that matters.</summary>
    public static void Install()
    {
        Set(typeof(string).Assembly.GetType("System.Marvin", throwOnError: true)!, "<DefaultSeed>k__BackingField", 0x6a697467_7261696eUL);
        Set(typeof(HashCode), "s_seed", 0x73696d75u);
    }

    private static void Set(Type type, string name, object value)
    {
        RuntimeHelpers.RunClassConstructor(type.TypeHandle);
        var field = type.GetField(name, BindingFlags.Static | BindingFlags.NonPublic) ?? throw new MissingFieldException(type.Name, name);
        // Reflection refuses to set a static that is read-only; code of a dynamic method may.
        var set = new DynamicMethod("set", null, [field.FieldType], typeof(string).Module, skipVisibility: true);
        var code = set.GetILGenerator();
        code.Emit(OpCodes.Ldarg_0);
        code.Emit(OpCodes.Stsfld, field);
        code.Emit(OpCodes.Ret);
        set.CreateDelegate(typeof(Action<>).MakeGenericType(field.FieldType)).DynamicInvoke(value);
    }
}
