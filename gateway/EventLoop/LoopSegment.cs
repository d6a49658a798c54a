using System.Buffers;

namespace JitGrains.Gateway.EventLoop;

/// <summary>A piece of what was received.</summary>
internal sealed class LoopSegment : ReadOnlySequenceSegment<byte>
{
    private IMemoryOwner<byte>? owner;

    public int Length => Memory.Length;

    /// <summary>What is free behind it.</summary>
    public Memory<byte> Room => owner!.Memory[Length..];

    public void Rent(MemoryPool<byte> from) => owner = from.Rent();

    /// <summary>So much more was received.</summary>
    public void Add(int count) => Memory = owner!.Memory[..(Length + count)];

    /// <summary>This one follows.</summary>
    public void Link(LoopSegment next)
    {
        next.RunningIndex = RunningIndex + Length;
        Next = next;
    }

    public void Return()
    {
        owner?.Dispose();
        (owner, Memory, Next, RunningIndex) = (null, default, null, 0);
    }
}
