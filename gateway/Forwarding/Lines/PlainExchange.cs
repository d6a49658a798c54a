using System.Net.Sockets;
using JitGrains.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Forwarder;

namespace JitGrains.Gateway.Forwarding.Lines;

/// <summary>One plain call over one connection, which goes back to its pool: the last check, the call, its answer. Not thread-safe; used once.</summary>
internal sealed partial class PlainExchange(PlainCall plain, UpstreamLine line, LinePool pool)
{
    /// <summary>Answers before the answer (RFC 9110 section 15.2) are passed over; nobody needs more of them.</summary>
    private const int MostInterim = 16;

    private readonly PlainCall plain = plain;
    private readonly HttpContext context = plain.Context;
    private readonly ForwardedCall call = plain.Call;
    private ResponseHead? head;
    private int interim;
    private int searched;
    private long bytes;
    private bool heard;
    private bool callerGone;
    private bool isReadToEnd;

    /// <summary>
    /// Runs it. It is sent again in the other way where the connection ended in order before it answered anything, as one does that was idle
    /// for too long. One that breaks off may have begun to serve it.
    /// </summary>
    public async ValueTask<ForwardResult> Run()
    {
        var (stop, left) = (plain.Stop, context.RequestAborted);
        CancellationTokenRegistration onStop = default, onLeft = default;
        PlainResult? result = null;
        var (isWhole, isUnheard) = (false, false);
        try
        {
            onStop = stop.UnsafeRegister(static l => ((UpstreamLine)l!).Cut(), line);
            onLeft = left.UnsafeRegister(static l => ((UpstreamLine)l!).Cut(), line);
            // Nothing waits between this check and the bytes.
            call.Gate.Open();
            await line.Send();
            call.Gate.Sent();
            while (!isUnheard && !TryReadHead())
            {
                if (line.Came(await line.Receive()))
                    heard = true;
                else
                    isUnheard = true;
            }

            if (!isUnheard)
            {
                await Answer(left);
                isWhole = !head!.IsLast && !isReadToEnd && line.Received.IsEmpty;
                result = new PlainResult(ForwarderError.None, head.Status, bytes);
            }
            else if (heard || !line.IsUsed || stop.IsCancellationRequested || left.IsCancellationRequested || !call.Gate.MayRepeat())
            {
                result = Failed(null, stop, left);
            }
        }
        catch (Exception e) when (e is SocketException or IOException or InvalidDataException or ObjectDisposedException or OperationCanceledException or InvalidOperationException or ExecutionRefusedException)
        {
            result = Failed(e, stop, left);
        }
        catch
        {
            plain.Broke();
            throw;
        }
        finally
        {
            // One that is being told to end this very moment must not carry another call.
            var isReusable = onStop.Unregister() | !stop.CanBeCanceled;
            isReusable &= onLeft.Unregister() | !left.CanBeCanceled;
            if (isReusable && isWhole)
                pool.Return(line);
            else
                pool.Drop(line);
        }

        return result is { } known ? plain.Ended(known) : await plain.SendOtherwise();
    }

    private PlainResult Failed(Exception? because, CancellationToken stop, CancellationToken left)
    {
        // Asked before it is cut off here, which looks the same afterwards.
        var hasLeft = left.IsCancellationRequested;
        var inBody = head is not null;
        var error = callerGone ? ForwarderError.ResponseBodyClient
            : stop.IsCancellationRequested || hasLeft ? (inBody ? ForwarderError.ResponseBodyCanceled : ForwarderError.RequestCanceled)
            : line.WasSilent ? (inBody ? ForwarderError.ResponseBodyCanceled : ForwarderError.RequestTimedOut)
            : inBody ? ForwarderError.ResponseBodyDestination
            : ForwarderError.Request;
        // What was passed on, and be it not sent yet, cannot be taken back.
        if (context.Response.HasStarted || bytes > 0)
            context.Abort();
        else
            Forget(error == ForwarderError.RequestTimedOut || line.WasSilent ? StatusCodes.Status504GatewayTimeout : StatusCodes.Status502BadGateway);
        return new PlainResult(error, head?.Status, bytes, because ?? new IOException("The upstream ended the connection before it answered."), hasLeft);
    }

    /// <summary>What the upstream said of its answer is not said of another.</summary>
    private void Forget(int status)
    {
        context.Response.Clear();
        context.Response.StatusCode = status;
    }

    /// <summary>Looks for the answer's head in what was received, and passes over those before it; false where it is not there yet.</summary>
    private bool TryReadHead()
    {
        while (true)
        {
            var received = line.Received.Span;
            var end = received[searched..].IndexOf("\r\n\r\n"u8);
            if (end < 0)
            {
                searched = Math.Max(0, received.Length - 3);
                return received.Length >= ResponseHead.MaxLength ? throw new InvalidDataException("The head of the upstream's answer is too long.") : false;
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
