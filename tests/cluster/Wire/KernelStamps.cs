using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace JitGrains.ClusterTests.Wire;

/// <summary>Reading from a socket together with the kernel's time of arrival (Linux, 64 bits).</summary>
internal static unsafe partial class KernelStamps
{
    private const int SolSocket = 1;
    private const int SoTimestampNs = 35;
    private const int SolTcp = 6;
    private const int TcpInfo = 11;
    private const int Established = 1;
    private const int MsgDontWait = 0x40;
    private const int TryAgain = 11;
    private const int Interrupted = 4;

    /// <summary>Asks the kernel to stamp; connections inherit it from their listener, so that it holds from their first byte.</summary>
    public static void Ask(Socket socket) => socket.SetRawSocketOption(SolSocket, SoTimestampNs, BitConverter.GetBytes(1));

    /// <summary>What there is, or null where there is nothing yet.</summary>
    public static int? Receive(Socket socket, Span<byte> buffer, out DateTimeOffset? stamp)
    {
        var control = stackalloc byte[128];
        fixed (byte* bytes = buffer)
        {
            var vector = new IoVector { Base = bytes, Length = (nuint)buffer.Length };
            var message = new Message { Vectors = &vector, VectorCount = 1, Control = control, ControlLength = 128 };
            var count = ReceiveMessage((int)socket.SafeHandle.DangerousGetHandle(), &message, MsgDontWait);
            stamp = count > 0 ? StampOf(control, message.ControlLength) : null;
            if (count >= 0)
                return (int)count;
            var error = Marshal.GetLastPInvokeError();
            return error is TryAgain or Interrupted ? null : throw new IOException($"recvmsg: errno {error}");
        }
    }

    /// <summary>What the kernel knows of a connection's incoming half (tcp(7), TCP_INFO).</summary>
    public static Incoming IncomingOf(Socket socket)
    {
        Span<byte> info = stackalloc byte[160];
        if (socket.GetRawSocketOption(SolTcp, TcpInfo, info) < info.Length)
            throw new IOException("TCP_INFO is shorter than it was when this was written.");
        return new Incoming(
            MemoryMarshal.Read<uint>(info[152..]), info[0] != Established, TimeSpan.FromMilliseconds(MemoryMarshal.Read<uint>(info[52..])));
    }

    /// <summary>One control message: its length (8 bytes), level and type (4 each), then seconds and nanoseconds (8 each).</summary>
    private static DateTimeOffset? StampOf(byte* control, nuint length) =>
        length >= 32 && *(int*)(control + 8) == SolSocket && *(int*)(control + 12) == SoTimestampNs
            ? DateTimeOffset.UnixEpoch.AddTicks((*(long*)(control + 16) * TimeSpan.TicksPerSecond) + (*(long*)(control + 24) / 100))
            : null;

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    private static partial nint ReceiveMessage(int socket, Message* message, int flags);

    [StructLayout(LayoutKind.Sequential)]
    private struct IoVector
    {
        public byte* Base;
        public nuint Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Message
    {
        public void* Name;
        public uint NameLength;
        public IoVector* Vectors;
        public nuint VectorCount;
        public byte* Control;
        public nuint ControlLength;
        public int Flags;
    }
}

/// <summary>A connection's incoming half.</summary>
/// <param name="Segments">Segments with data that have come.</param>
/// <param name="IsOver">Whether the other side has ended it.</param>
/// <param name="Age">How long ago the last data came, give or take a tick or two of the kernel's clock.</param>
internal readonly record struct Incoming(uint Segments, bool IsOver, TimeSpan Age);
