using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using JitGrains.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace JitGrains.Gateway.Forwarding.Lines;

/// <content>The body of an answer (RFC 9112 sections 6 and 7), passed on as it comes.</content>
internal sealed partial class PlainExchange
{
    /// <summary>Longest line of a chunk's size with its extensions, or of a trailer.</summary>
    private const int MostOfLine = 8 * 1024;

    private const int MostTrailers = 64 * 1024;
    private const int MostAtOnce = 4 * 1024;
    private const int MostUnflushed = 32 * 1024;

    private int unflushed;

    private async ValueTask CopyLength(PipeWriter to, long length, CancellationToken left)
    {
        while (length > 0)
        {
            var piece = line.Received;
            if (piece.IsEmpty)
            {
                if (!line.Came(await line.Receive()))
                    throw new IOException("The upstream broke off amid its answer.");
                continue;
            }

            if (piece.Length > length)
                piece = piece[..(int)length];
            Tell(await to.WriteAsync(piece, left));
            bytes += piece.Length;
            length -= piece.Length;
            line.Take(piece.Length);
        }
    }

    private async ValueTask CopyRest(PipeWriter to, CancellationToken left)
    {
        isReadToEnd = true;
        while (true)
        {
            Pass(to, line.Received.Length);
            Tell(await to.FlushAsync(left));
            if (!line.Came(await line.Receive()))
                return;
        }
    }

    private async ValueTask CopyChunks(PipeWriter to, CancellationToken left)
    {
        while (true)
        {
            int end;
            while ((end = EndOfLine()) < 0)
                await More(to, left);
            if (!TryReadSize(line.Received.Span[..end], out var size))
                throw new InvalidDataException("A chunk of the upstream's answer has no size.");
            line.Take(end + 2);
            if (size == 0)
                break;
            while (size > 0)
            {
                if (line.Received.IsEmpty)
                    await More(to, left);
                size -= Pass(to, (int)Math.Min(size, line.Received.Length));
                if (unflushed >= MostUnflushed)
                    await Flush(to, left);
            }

            while (line.Received.Length < 2)
                await More(to, left);
            if (!line.Received.Span.StartsWith("\r\n"u8))
                throw new InvalidDataException("A chunk of the upstream's answer does not end where it should.");
            line.Take(2);
        }

        var trailers = context.Features.Get<IHttpResponseTrailersFeature>()?.Trailers is { IsReadOnly: false } taken ? taken : null;
        for (var most = MostTrailers; ;)
        {
            int end;
            while ((end = EndOfLine()) < 0)
                await More(to, left);
            if (end > 0)
                Trailer(line.Received.Span[..end], trailers);
            line.Take(end + 2);
            if (end == 0)
                return;
            if ((most -= end) < 0)
                throw new InvalidDataException("The upstream's answer has too many trailers.");
        }
    }

    /// <summary>Where the line that is being received ends; -1 where it does not yet.</summary>
    private int EndOfLine()
    {
        var received = line.Received.Span;
        var end = received.IndexOf("\r\n"u8);
        return end > MostOfLine || (end < 0 && received.Length > MostOfLine) ? throw new InvalidDataException("A line of the upstream's answer is too long.") : end;
    }

    /// <summary>Hexadecimal digits, and then nothing but white space and extensions, which end here.</summary>
    private static bool TryReadSize(ReadOnlySpan<byte> text, out long size)
    {
        size = 0;
        var digits = text.IndexOfAnyExcept(HexDigits);
        var number = digits < 0 ? text : text[..digits];
        var rest = text[number.Length..].TrimStart(" \t"u8);
        return number.Length is > 0 and <= 15 && (rest.IsEmpty || rest[0] == ';') && !rest.ContainsAnyExceptInRange((byte)' ', (byte)'~')
            && long.TryParse(number, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out size);
    }

    private static readonly SearchValues<byte> HexDigits = SearchValues.Create("0123456789abcdefABCDEF"u8);

    private void Trailer(ReadOnlySpan<byte> field, IHeaderDictionary? to)
    {
        if (!ResponseHead.TrySplit(field, out var name, out var value))
            throw new InvalidDataException("A trailer of the upstream's answer is none.");
        var text = Encoding.ASCII.GetString(name);
        if (to is null || FieldMeanings.Of(text) != FieldMeaning.Passed || !ForwardedHeaders.IsReturned(text, call.Api))
            return;
        to[text] = StringValues.Concat(to[text], Encoding.Latin1.GetString(value));
    }

    /// <summary>Waits for more of a body that is not over; what came before is with the caller by then.</summary>
    private async ValueTask More(PipeWriter to, CancellationToken left)
    {
        if (unflushed > 0 || !context.Response.HasStarted)
            await Flush(to, left);
        if (!line.Came(await line.Receive()))
            throw new IOException("The upstream broke off amid its answer.");
    }

    private async ValueTask Flush(PipeWriter to, CancellationToken left)
    {
        unflushed = 0;
        Tell(await to.FlushAsync(left));
    }

    private int Pass(PipeWriter to, int count)
    {
        for (var rest = line.Received.Span[..count]; !rest.IsEmpty;)
        {
            // Kestrel gives none where it is not told that some is needed.
            var room = to.GetSpan(Math.Min(rest.Length, MostAtOnce));
            var taken = Math.Min(room.Length, rest.Length);
            rest[..taken].CopyTo(room);
            to.Advance(taken);
            rest = rest[taken..];
        }

        line.Take(count);
        bytes += count;
        unflushed += count;
        return count;
    }

    private void Tell(FlushResult result)
    {
        if (!result.IsCompleted && !result.IsCanceled)
            return;
        callerGone = true;
        throw new IOException("The caller takes no more.");
    }
}
