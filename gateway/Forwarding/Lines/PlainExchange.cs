using System.Net.Sockets;
using JitGrains.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Forwarder;

namespace JitGrains.Gateway.Forwarding.Lines;

/// <summary>One plain call over one connection: the last check, the call, its answer. Not thread-safe; used once.</summary>
internal sealed partial class PlainExchange(HttpContext context, ForwardedCall call, UpstreamLine line)
{
    /// <summary>Answers before the answer (RFC 9110 section 15.2) are passed over; nobody needs more of them.</summary>
    private const int MostInterim = 16;

    private ResponseHead? head;
    private long bytes;
    private bool heard;
    private bool callerGone;
    private bool isReadToEnd;

    /// <summary>Whether the connection can carry another call.</summary>
    public bool IsReusable { get; private set; }

    /// <summary>
    /// Runs it; null where the connection ended in order before it answered anything, as one does that was idle for too long, and the call
    /// may be sent again. One that breaks off may have begun to serve it.
    /// </summary>
    public async ValueTask<PlainResult?> Run(CancellationToken stop)
    {
        var left = context.RequestAborted;
        var onStop = stop.UnsafeRegister(static l => ((UpstreamLine)l!).Cut(), line);
        var onLeft = left.UnsafeRegister(static l => ((UpstreamLine)l!).Cut(), line);
        var isWhole = false;
        try
        {
            // Nothing waits between this check and the bytes.
            call.Gate.Open();
            await line.Send();
            call.Gate.Sent();
            if (!await ReadHead())
                return !heard && line.IsUsed && !stop.IsCancellationRequested && !left.IsCancellationRequested && call.Gate.MayRepeat() ? null : Failed(null, stop, left);
            await Answer(left);
            isWhole = !head!.IsLast && !isReadToEnd && line.Received.IsEmpty;
            return new PlainResult(ForwarderError.None, head.Status, bytes);
        }
        catch (Exception e) when (e is SocketException or IOException or InvalidDataException or ObjectDisposedException or OperationCanceledException or InvalidOperationException or ExecutionRefusedException)
        {
            return Failed(e, stop, left);
        }
        finally
        {
            // One that is being told to end this very moment must not carry another call.
            IsReusable = onStop.Unregister() | !stop.CanBeCanceled;
            IsReusable &= onLeft.Unregister() | !left.CanBeCanceled;
            IsReusable &= isWhole;
        }
    }

    private PlainResult Failed(Exception? because, CancellationToken stop, CancellationToken left)
    {
        var inBody = head is not null;
        var error = callerGone ? ForwarderError.ResponseBodyClient
            : stop.IsCancellationRequested || left.IsCancellationRequested ? (inBody ? ForwarderError.ResponseBodyCanceled : ForwarderError.RequestCanceled)
            : line.WasSilent ? (inBody ? ForwarderError.ResponseBodyCanceled : ForwarderError.RequestTimedOut)
            : inBody ? ForwarderError.ResponseBodyDestination
            : ForwarderError.Request;
        // What was passed on, and be it not sent yet, cannot be taken back.
        if (context.Response.HasStarted || bytes > 0)
            context.Abort();
        else
            Forget(error == ForwarderError.RequestTimedOut || line.WasSilent ? StatusCodes.Status504GatewayTimeout : StatusCodes.Status502BadGateway);
        return new PlainResult(error, head?.Status, bytes, because ?? new IOException("The upstream ended the connection before it answered."));
    }

    /// <summary>What the upstream said of its answer is not said of another.</summary>
    private void Forget(int status)
    {
        context.Response.Clear();
        context.Response.StatusCode = status;
    }

    /// <summary>False where nothing came any more.</summary>
    private async ValueTask<bool> ReadHead()
    {
        for (var (interim, searched) = (0, 0); ;)
        {
            var received = line.Received.Span;
            var end = received[searched..].IndexOf("\r\n\r\n"u8);
            if (end < 0)
            {
                searched = Math.Max(0, received.Length - 3);
                if (received.Length >= ResponseHead.MaxLength)
                    throw new InvalidDataException("The head of the upstream's answer is too long.");
                if (!await line.Receive())
                    return heard ? throw new IOException("The upstream broke off.") : false;
                heard = true;
                continue;
            }

            end += searched + 4;
            if (!line.Head.TryRead(received[..end]))
                throw new InvalidDataException("The upstream's answer is not HTTP.");
            line.Take(end);
            if (line.Head.Status >= 200)
            {
                head = line.Head;
                return true;
            }

            if (line.Head.Status == StatusCodes.Status101SwitchingProtocols || ++interim > MostInterim)
                throw new InvalidDataException("The upstream answered what nobody asked for.");
            searched = 0;
        }
    }

    private async ValueTask Answer(CancellationToken left)
    {
        var response = context.Response;
        response.StatusCode = head!.Status;
        if (head.Reason is { } reason)
            context.Features.GetRequiredFeature<IHttpResponseFeature>().ReasonPhrase = reason;
        Copy(head, response.Headers);
        CallTransformer.SetOwn(response.Headers, call);
        if (call.Request.Method == "HEAD" || head.Status is StatusCodes.Status204NoContent or StatusCodes.Status304NotModified)
            return;

        var to = response.BodyWriter;
        if (head.IsChunked)
            await CopyChunks(to, left);
        else if (head.Length is { } length)
            await CopyLength(to, length, left);
        else
            await CopyRest(to, left);
    }

    private void Copy(ResponseHead from, IHeaderDictionary to)
    {
        foreach (var (name, value) in from.Headers)
        {
            if (!ForwardedHeaders.IsReturned(name, call.Api))
                continue;
            to[name] = to.TryGetValue(name, out var before) ? StringValues.Concat(before, value) : value;
        }

        if (!from.IsChunked && from.Length is { } length)
            to.ContentLength = length;
    }
}
