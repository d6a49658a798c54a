using System.Net;
using System.Net.Sockets;

namespace JitGrains.Gateway.EventLoop;

/// <summary>A connection to somebody else, as bytes. One may receive while another sends; <see cref="Dispose"/> may come from anywhere.</summary>
internal sealed class LoopStream : IDisposable
{
    private readonly LoopSocket socket;
    private readonly Receiving receiving;
    private readonly Sending sending;

    private LoopStream(SocketLoop loop, Socket from)
    {
        (receiving, sending) = (new Receiving(this), new Sending(this));
        socket = new LoopSocket(loop, from, receiving.Wake, sending.Wake);
    }

    /// <summary>Whether nothing came that was not received, not even the end.</summary>
    public bool IsSilent => socket.IsSilent();

    /// <summary>Connects.</summary>
    /// <exception cref="SocketException">It cannot be had.</exception>
    /// <exception cref="OperationCanceledException">Not in this time.</exception>
    public static async ValueTask<LoopStream> Connect(SocketLoop loop, IPEndPoint to, CancellationToken cancellation)
    {
        // Connected by the system's own call: an operation of .NET's would have its own loop watch the socket for ever.
        var connecting = new Socket(to.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, Blocking = false };
        LoopStream? stream = null;
        try
        {
            var error = Libc.Connect(connecting.SafeHandle, to.Serialize().Buffer.Span[..to.Serialize().Size]);
            if (error is not (0 or Libc.InProgress))
                throw Libc.Failure(error);
            stream = new LoopStream(loop, connecting);
            stream.socket.Watch(alsoWritable: error != 0);
            if (error != 0)
                await stream.sending.Connected(cancellation);
            return stream;
        }
        catch
        {
            stream?.Dispose();
            connecting.Dispose();
            throw;
        }
    }

    /// <summary>Receives what is there, or waits for it; 0 at the end.</summary>
    /// <exception cref="SocketException">The connection broke.</exception>
    /// <exception cref="ObjectDisposedException">It was cut.</exception>
    public ValueTask<int> Receive(Memory<byte> into)
    {
        receiving.Into = into;
        return receiving.Run();
    }

    /// <summary>Sends all of it; how much that is.</summary>
    /// <exception cref="SocketException">The connection broke.</exception>
    /// <exception cref="ObjectDisposedException">It was cut.</exception>
    public ValueTask<int> Send(ReadOnlyMemory<byte> from)
    {
        (sending.Rest, sending.All) = (from, from.Length);
        return sending.Run();
    }

    /// <summary>Ends it at once; what waits for it fails.</summary>
    public void Dispose() => socket.Close(abortively: false);

    private sealed class Receiving(LoopStream stream) : LoopOperation<int>(Received)
    {
        public Memory<byte> Into { get; set; }

        protected override Readiness Readiness => stream.socket.Readable;

        protected override bool TryDo(out int result) => (result = stream.socket.TryReceive(Into.Span)) >= 0;
    }

    private sealed class Sending(LoopStream stream) : LoopOperation<int>(Sent)
    {
        private bool isConnecting;

        public ReadOnlyMemory<byte> Rest { get; set; }

        public int All { get; set; }

        protected override Readiness Readiness => stream.socket.Writable;

        /// <summary>Waits until it is connected.</summary>
        public async ValueTask Connected(CancellationToken cancellation)
        {
            isConnecting = true;
            await Run(cancellation);
            isConnecting = false;
            stream.socket.ThrowIfFailed();
        }

        protected override bool TryDo(out int result)
        {
            result = All;
            if (isConnecting)
                return stream.socket.IsClosed || Readiness.IsReady;
            while (!Rest.IsEmpty)
            {
                var count = stream.socket.TrySend(Rest.Span);
                if (count < 0)
                    return false;
                Rest = Rest[count..];
            }

            return true;
        }

        protected override void BeforeWaiting() => stream.socket.WatchWritable();
    }
}
