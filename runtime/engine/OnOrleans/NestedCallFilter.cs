using JitGrains.Shell;

namespace JitGrains.Runtime.Engine;

/// <summary>A turn never calls another grain: what it wants of others is an outbox message. Here as on the built-in engine.</summary>
internal sealed class NestedCallFilter : IOutgoingGrainCallFilter
{
    public Task Invoke(IOutgoingGrainCallContext context) =>
        context.SourceContext?.GrainInstance is IOutboxSource && context.InterfaceMethod.DeclaringType?.Namespace?.StartsWith("JitGrains", StringComparison.Ordinal) == true
            ? throw new InvalidOperationException($"a turn never calls another grain: {context.SourceContext.GrainId.Type} called {context.InterfaceName}.{context.MethodName}; send an outbox message instead")
            : context.Invoke();
}
