using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace JitGrains.Gateway.EventLoop;

/// <summary>The system calls of the loop (Linux: epoll(7), eventfd(2), and sockets' own), with the numbers of x64 and arm64.</summary>
internal static unsafe partial class Libc
{
    public const int Again = 11;
    public const int Interrupted = 4;
    public const int InProgress = 115;

    public const int ControlAdd = 1;
    public const int ControlChange = 3;

    public const uint In = 0x1;
    public const uint Out = 0x4;
    public const uint Error = 0x8;
    public const uint HungUp = 0x10;
    public const uint PeerHungUp = 0x2000;
    public const uint OnChange = 1u << 31;

    /// <summary>Says that it would block, raises no signal.</summary>
    public const int Now = 0x40 | 0x4000;

    public const int Peek = 0x2;

    private const int CloseOnExec = 0x80000;

    /// <summary>An event is packed on x64 and nowhere else.</summary>
    public static readonly int EventSize = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    private static readonly int DataOffset = EventSize - sizeof(ulong);

    /// <summary>A new set of watched sockets.</summary>
    public static SafeFileHandle NewSet() => Handle(epoll_create1(CloseOnExec));

    /// <summary>A new counter that a set can watch; reading it is not needed where changes are watched for.</summary>
    public static SafeFileHandle NewCounter() => Handle(eventfd(0, CloseOnExec | 0x800));

    /// <summary>Watches a descriptor, or watches for something else from now on.</summary>
    /// <exception cref="SocketException">The system refuses.</exception>
    public static void Watch(SafeFileHandle set, SafeHandle what, int operation, uint events, ulong data)
    {
        var one = stackalloc byte[16];
        *(uint*)one = events;
        *(ulong*)(one + DataOffset) = data;
        if (epoll_ctl(set, operation, what, one) < 0)
            throw Failure();
    }

    /// <summary>What happened, one event after the other; nothing where a signal came between.</summary>
    public static int Wait(SafeFileHandle set, byte* events, int most, int milliseconds)
    {
        var count = epoll_wait(set, events, most, milliseconds);
        return count >= 0 ? count : Marshal.GetLastPInvokeError() == Interrupted ? 0 : throw Failure();
    }

    /// <summary>One of the events that <see cref="Wait"/> brought.</summary>
    public static (uint Flags, ulong Data) Event(byte* events, int index)
    {
        var at = events + (index * EventSize);
        return (*(uint*)at, *(ulong*)(at + DataOffset));
    }

    public static void Count(SafeFileHandle counter)
    {
        ulong one = 1;
        _ = write(counter, &one, sizeof(ulong));
    }

    /// <summary>The bytes that came; 0 at the end; less where there is an error, which is <see cref="Marshal.GetLastPInvokeError"/>.</summary>
    public static nint Receive(SafeSocketHandle socket, Span<byte> into, int flags)
    {
        fixed (byte* to = into)
            return recv(socket, to, into.Length, flags);
    }

    /// <summary>The bytes that were taken; less than 0 where there is an error, which is <see cref="Marshal.GetLastPInvokeError"/>.</summary>
    public static nint Send(SafeSocketHandle socket, ReadOnlySpan<byte> from)
    {
        fixed (byte* start = from)
            return send(socket, start, from.Length, Now);
    }

    /// <summary>The same of several pieces, which stay where they are.</summary>
    public static nint Send(SafeSocketHandle socket, ReadOnlySpan<Piece> pieces)
    {
        fixed (Piece* first = pieces)
        {
            var message = new Message { Pieces = first, Count = pieces.Length };
            return sendmsg(socket, &message, Now);
        }
    }

    /// <summary>Begins to connect; 0 where it is connected, or the error.</summary>
    public static int Connect(SafeSocketHandle socket, ReadOnlySpan<byte> address)
    {
        fixed (byte* at = address)
            return connect(socket, at, address.Length) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>What the system said last.</summary>
    public static SocketException Failure() => Failure(Marshal.GetLastPInvokeError());

    /// <summary>An error of the system's.</summary>
    public static SocketException Failure(int error) => new((int)Meaning(error), $"{Marshal.GetPInvokeErrorMessage(error)} ({error})");

    private static SocketError Meaning(int error) => error switch
    {
        32 => SocketError.Shutdown,
        101 => SocketError.NetworkUnreachable,
        103 => SocketError.ConnectionAborted,
        104 => SocketError.ConnectionReset,
        110 => SocketError.TimedOut,
        111 => SocketError.ConnectionRefused,
        113 => SocketError.HostUnreachable,
        _ => SocketError.SocketError,
    };

    private static SafeFileHandle Handle(int descriptor) => descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : throw Failure();

    /// <summary>Bytes that are sent.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Piece
    {
        public byte* Start;
        public nint Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Message
    {
        public void* Name;
        public uint NameLength;
        public Piece* Pieces;
        public nint Count;
        public void* Control;
        public nint ControlLength;
        public int Flags;
    }

#pragma warning disable IDE1006, SA1300 // They are called so.
    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_ctl(SafeFileHandle set, int operation, SafeHandle what, byte* events);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_wait(SafeFileHandle set, byte* events, int most, int timeout);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int eventfd(uint value, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(SafeFileHandle file, void* from, nint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(SafeSocketHandle socket, byte* into, nint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(SafeSocketHandle socket, byte* from, nint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint sendmsg(SafeSocketHandle socket, Message* message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int connect(SafeSocketHandle socket, byte* address, int length);
#pragma warning restore IDE1006, SA1300
}
