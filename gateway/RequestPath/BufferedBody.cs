using System.Buffers;
using Microsoft.AspNetCore.Http.Features;

namespace JitGrains.Gateway.RequestPath;

/// <summary>A held call's whole body, in pooled memory. Give it back by disposing it, after the last use.</summary>
internal sealed class BufferedBody : IDisposable
{
    private const int FirstSize = 4096;
    private byte[] bytes;

    private BufferedBody(byte[] bytes) => this.bytes = bytes;

    public static readonly BufferedBody Empty = new([]);

    public int Length { get; private set; }

    public ReadOnlyMemory<byte> Memory => bytes.AsMemory(0, Length);

    /// <summary>Reads the body whole; null where it has more than <paramref name="limit"/> bytes, which are then left unread.</summary>
    public static async Task<BufferedBody?> Read(HttpContext context, long limit)
    {
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == false)
            return Empty;
        if (context.Request.ContentLength > limit)
            return null;
        var most = (int)Math.Min(limit, Array.MaxLength - 1) + 1;
        var first = Math.Min(context.Request.ContentLength is { } announced ? (int)announced + 1 : FirstSize, most);
        var body = new BufferedBody(ArrayPool<byte>.Shared.Rent(first));
        try
        {
            while (true)
            {
                if (body.Length == body.bytes.Length)
                    body.Grow();
                var read = await context.Request.Body.ReadAsync(body.bytes.AsMemory(body.Length), context.RequestAborted);
                if (read == 0)
                    return body;
                body.Length += read;
                if (body.Length > limit)
                {
                    body.Dispose();
                    return null;
                }
            }
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    /// <summary>Makes the body what is read, and forwarded, from here on.</summary>
    public void PutBack(HttpContext context) => context.Request.Body = new MemoryStream(bytes, 0, Length, writable: false);

    public void Dispose()
    {
        var taken = Interlocked.Exchange(ref bytes, []);
        Length = 0;
        if (taken.Length > 0)
            ArrayPool<byte>.Shared.Return(taken, clearArray: true);
    }

    private void Grow()
    {
        var larger = ArrayPool<byte>.Shared.Rent(bytes.Length * 2);
        bytes.AsSpan(0, Length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(bytes, clearArray: true);
        bytes = larger;
    }
}
