using System.Buffers;
using Microsoft.AspNetCore.Connections.Features;

namespace JitGrains.Gateway.EventLoop;

/// <summary>Memory that connections share, also with what reads HTTP from them. Thread-safe.</summary>
internal sealed class LoopMemory(MemoryPool<byte> pool) : IMemoryPoolFeature
{
    /// <inheritdoc/>
    public MemoryPool<byte> MemoryPool { get; } = pool;
}
