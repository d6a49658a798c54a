using System.Reflection;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.Runtime.Engine;

/// <summary>The grain classes that this engine hosts, by interface and by stored name.</summary>
internal sealed class GrainTypes
{
    private readonly Dictionary<Type, GrainClass> byInterface = [];
    private readonly Dictionary<string, GrainClass> byName = new(StringComparer.Ordinal);

    public static GrainTypes Create(IEnumerable<Type> grains, List<string> problems)
    {
        var types = new GrainTypes();
        foreach (var grain in grains)
            types.Add(grain, problems);
        return types;
    }

    public GrainClass ForInterface(Type grainInterface) =>
        byInterface.TryGetValue(grainInterface, out var grain)
            ? grain
            : throw new InvalidOperationException($"no grain class is registered for {grainInterface.FullName}");

    /// <summary>The class stored under this name, or null where this version has none.</summary>
    public GrainClass? Find(string name) => byName.GetValueOrDefault(name);

    private void Add(Type type, List<string> problems)
    {
        var name = type.GetCustomAttribute<GrainTypeAttribute>()?.GrainType;
        if (string.IsNullOrEmpty(name))
            problems.Add($"{type.Name} has no [GrainType] name");
        if (type.IsAbstract || type.ContainsGenericParameters)
            problems.Add($"{type.Name} cannot be created");

        var interfaces = type.GetInterfaces()
            .Where(i => i != typeof(IGrainWithStringKey) && i.IsAssignableTo(typeof(IGrainWithStringKey)))
            .ToArray();
        if (interfaces.Length == 0)
            problems.Add($"{type.Name} implements no grain interface");
        foreach (var method in interfaces.SelectMany(i => i.GetMethods()).Where(m => !IsCallable(m)))
            problems.Add($"{method.DeclaringType!.Name}.{method.Name} must be a plain method that returns Task or Task<T>");

        var states = type.GetConstructors().SelectMany(c => c.GetParameters()).Where(IsState).Select(p => p.ParameterType).ToArray();
        if (states.Length > 1)
            problems.Add($"{type.Name} has {states.Length} persistent states; a grain has at most one");
        if (name is null || type.IsAbstract || type.ContainsGenericParameters || states.Length > 1)
            return;

        var grain = new GrainClass(name, type, states.SingleOrDefault());
        if (!byName.TryAdd(name, grain))
            problems.Add($"{type.Name} and {byName[name].Type.Name} share the name {name}");
        foreach (var i in interfaces)
        {
            if (!byInterface.TryAdd(i, grain))
                problems.Add($"{type.Name} and {byInterface[i].Type.Name} both implement {i.Name}");
        }
    }

    private static bool IsState(ParameterInfo parameter) =>
        parameter.ParameterType.IsGenericType && parameter.ParameterType.GetGenericTypeDefinition() == typeof(IPersistentState<>);

    private static bool IsCallable(MethodInfo method) =>
        !method.IsGenericMethod
        && (method.ReturnType == typeof(Task) || (method.ReturnType.IsGenericType && method.ReturnType.GetGenericTypeDefinition() == typeof(Task<>)))
        && method.GetParameters().All(p => !p.ParameterType.IsByRef);
}

/// <summary>A grain class and how its instances are made.</summary>
internal sealed class GrainClass
{
    // Made when the first instance is: each takes a millisecond or more, and a process that starts needs three classes of them all.
    private readonly Lazy<ObjectFactory> create;
    private readonly Lazy<ObjectFactory>? createState;

    public GrainClass(string name, Type type, Type? state)
    {
        Name = name;
        Type = type;
        create = new(() => ActivatorUtilities.CreateFactory(type, state is null ? [] : [state]));
        if (state is not null)
            createState = new(() => ActivatorUtilities.CreateFactory(typeof(PersistentState<>).MakeGenericType(state.GenericTypeArguments), [typeof(Turn)]));
    }

    public string Name { get; }

    public Type Type { get; }

    /// <summary>A new instance, for one turn.</summary>
    public Grain Create(IServiceProvider services, Turn turn)
    {
        var grain = (Grain)create.Value(services, createState is null ? [] : [createState.Value(services, [turn])]);
        grain.GrainContext = turn;
        return grain;
    }
}
