using System.Collections.Concurrent;
using System.Reflection;

namespace JitGrains.Runtime.Engine;

/// <summary>Makes references: proxies of grain interfaces, each call of which is one turn.</summary>
internal sealed class GrainFactory(GrainTypes types, TurnRunner turns, GrainEngineOptions options) : IGrainFactory
{
    private readonly ConcurrentDictionary<MethodInfo, GrainMethod> methods = [];

    public TGrainInterface GetGrain<TGrainInterface>(string primaryKey)
        where TGrainInterface : IGrainWithStringKey
    {
        ArgumentException.ThrowIfNullOrEmpty(primaryKey);
        var reference = DispatchProxy.Create<TGrainInterface, GrainReference>();
        ((GrainReference)(object)reference).Bind(this, types.ForInterface(typeof(TGrainInterface)), primaryKey);
        return reference;
    }

    internal object Call(GrainClass grain, string key, MethodInfo method, object?[] arguments) =>
        methods.GetOrAdd(method, GrainMethod.Create, options.RoundTripCalls).Call(turns, grain, key, arguments);
}

/// <summary>A reference to one grain.</summary>
#pragma warning disable MA0053, CA1852 // DispatchProxy derives from it.
internal class GrainReference : DispatchProxy
#pragma warning restore MA0053, CA1852
{
    private GrainFactory? factory;
    private GrainClass? grain;
    private string key = "";

    public void Bind(GrainFactory grainFactory, GrainClass grainClass, string grainKey) =>
        (factory, grain, key) = (grainFactory, grainClass, grainKey);

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
        factory!.Call(grain!, key, targetMethod!, args ?? []);
}
