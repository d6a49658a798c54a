using System.Reflection;
using System.Text.Json;
using JitGrains.Json;

namespace JitGrains.Runtime.Engine;

/// <summary>A method of a grain interface, ready to be called.</summary>
internal abstract class GrainMethod
{
    private readonly MethodInfo method;
    private readonly MethodInvoker invoker;
    private readonly Type[] parameters;
    private readonly bool roundTrip;

    protected GrainMethod(MethodInfo method, bool roundTrip)
    {
        this.method = method;
        this.roundTrip = roundTrip;
        invoker = MethodInvoker.Create(method);
        parameters = [.. method.GetParameters().Select(p => p.ParameterType)];
        IsReadOnly = method.IsDefined(typeof(ReadOnlyAttribute), inherit: false);
    }

    protected bool IsReadOnly { get; }

    protected string Name => method.Name;

    public static GrainMethod Create(MethodInfo method, bool roundTrip) =>
        method.ReturnType == typeof(Task)
            ? new Command(method, roundTrip)
            : (GrainMethod)Activator.CreateInstance(typeof(Query<>).MakeGenericType(method.ReturnType.GenericTypeArguments), method, roundTrip)!;

    /// <summary>Calls it as one turn; the answer is the task that the interface promises.</summary>
    public abstract object Call(TurnRunner turns, GrainClass grain, string key, object?[] arguments);

    protected object Invoke(Grain grain, object?[] arguments) =>
        invoker.Invoke(grain, arguments.AsSpan()) ?? throw new InvalidOperationException($"{grain.GetType().Name}.{Name} returned null for a task");

    protected object?[] Copy(object?[] arguments) =>
        roundTrip ? [.. arguments.Select((argument, i) => Copy(argument, parameters[i]))] : arguments;

    protected T Copy<T>(T result) => roundTrip ? (T)Copy(result, typeof(T))! : result;

    private static object? Copy(object? value, Type type) =>
        JsonSerializer.Deserialize(JsonSerializer.SerializeToUtf8Bytes(value, type, JitJson.Options), type, JitJson.Options);

    private sealed class Command(MethodInfo method, bool roundTrip) : GrainMethod(method, roundTrip)
    {
        public override object Call(TurnRunner turns, GrainClass grain, string key, object?[] arguments)
        {
            var copies = Copy(arguments);
            return turns.RunAsync(grain, key, Name, async instance =>
            {
                await (Task)Invoke(instance, copies);
                return true;
            });
        }
    }

    private sealed class Query<TResult>(MethodInfo method, bool roundTrip) : GrainMethod(method, roundTrip)
    {
        public override object Call(TurnRunner turns, GrainClass grain, string key, object?[] arguments)
        {
            var copies = Copy(arguments);
            return turns.RunAsync(grain, key, Name, async instance => Copy(await (Task<TResult>)Invoke(instance, copies)), IsReadOnly);
        }
    }
}
