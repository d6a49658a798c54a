using System.Buffers;
using JitGrains.Gateway.EventLoop;

namespace JitGrains.Gateway.Forwarding.Lines;

/// <summary>
/// A connection to an upstream, in HTTP/1.1 without TLS, that carries one call after the other. What comes while nobody has asked
/// for anything, its end above all, spoils it. For one call at a time, but for <see cref="Cut"/> and what looks after it, which
/// may come from anywhere.
/// </summary>
internal sealed class UpstreamLine : IDisposable
{
    private const int SmallBuffer = 8 * 1024;
    private const int LargeBuffer = 64 * 1024;

    private readonly LoopStream stream;
    private readonly byte[] small = new byte[SmallBuffer];
    private byte[] buffer;
    private int start;
    private int end;
    private bool hasReceived;
    private int quiet;
    private int mostQuiet = int.MaxValue;
    private int age;
    private int isCut;
    private int isDisposed;

    public UpstreamLine(LoopStream stream)
    {
        this.stream = stream;
        buffer = small;
    }

    /// <summary>The head of the answer that was read last.</summary>
    public ResponseHead Head { get; } = new();

    /// <summary>Where the next call is written before it is sent.</summary>
    public ArrayBufferWriter<byte> Output { get; } = new(1024);

    /// <summary>Whether it has carried a call before.</summary>
    public bool IsUsed { get; private set; }

    /// <summary>Whether it was silent for too long.</summary>
    public bool WasSilent { get; private set; }

    /// <summary>Whether a call may go over it: nothing came, and it was not cut.</summary>
    public bool IsUsable => Volatile.Read(ref isCut) == 0 && stream.IsSilent;

    /// <summary>For how many looks nothing has passed.</summary>
    public int Quiet => Volatile.Read(ref quiet);

    /// <summary>For how many looks it has been there.</summary>
    public int Age => age;

    /// <summary>What was received and not yet taken.</summary>
    public ReadOnlyMemory<byte> Received => buffer.AsMemory(start, end - start);

    /// <summary>A call begins, during which it may be silent for so many looks.</summary>
    public void Expect(int looks)
    {
        Volatile.Write(ref quiet, 0);
        Volatile.Write(ref mostQuiet, looks);
    }

    /// <summary>The call is over.</summary>
    public void Rest()
    {
        IsUsed = true;
        Volatile.Write(ref mostQuiet, int.MaxValue);
        Volatile.Write(ref quiet, 0);
        Output.ResetWrittenCount();
        if (buffer != small)
            ArrayPool<byte>.Shared.Return(buffer);
        (buffer, start, end, hasReceived) = (small, 0, 0, false);
    }

    /// <summary>Sends what was written.</summary>
    public ValueTask<int> Send() => stream.Send(Output.WrittenMemory);

    /// <summary>Waits for more; how much came is for <see cref="Came"/>. The connection's own task: a method that waits for it costs every call an object and a step.</summary>
    /// <exception cref="InvalidDataException">There is no room for more.</exception>
    public ValueTask<int> Receive()
    {
        // What answers is small most of the time, and more of it then rarely is.
        var room = hasReceived ? Room() : buffer;
        hasReceived = true;
        return stream.Receive(room);
    }

    /// <summary>So many bytes came; false where the upstream has said its last.</summary>
    public bool Came(int count)
    {
        Volatile.Write(ref quiet, 0);
        end += count;
        return count > 0;
    }

    /// <summary>So many bytes are taken.</summary>
    public void Take(int count) => start += count;

    /// <summary>Ends it at once, whatever it does. What waits for it fails.</summary>
    public void Cut()
    {
        Interlocked.Exchange(ref isCut, 1);
        stream.Dispose();
    }

    /// <summary>Another look: whether it is silent for too long. Once in each span of time, by one caller.</summary>
    public bool Look()
    {
        age++;
        return Interlocked.Increment(ref quiet) > Volatile.Read(ref mostQuiet);
    }

    /// <summary>Cuts it if it is still silent for too long.</summary>
    public void CutIfSilent()
    {
        if (Volatile.Read(ref quiet) <= Volatile.Read(ref mostQuiet))
            return;
        WasSilent = true;
        Cut();
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) != 0)
            return;
        Cut();
    }

    /// <summary>Room behind what was received: what is large gets a large buffer.</summary>
    private Memory<byte> Room()
    {
        if (start == end)
            (start, end) = (0, 0);
        if (end < buffer.Length && (start > 0 || end > 0 || buffer != small))
            return buffer.AsMemory(end);
        if (buffer == small)
        {
            var large = ArrayPool<byte>.Shared.Rent(LargeBuffer);
            buffer.AsSpan(start, end - start).CopyTo(large);
            buffer = large;
        }
        else if (start == 0)
        {
            throw new InvalidDataException("The upstream says too much at once.");
        }
        else
        {
            buffer.AsSpan(start, end - start).CopyTo(buffer);
        }

        (start, end) = (0, end - start);
        return buffer.AsMemory(end);
    }
}
