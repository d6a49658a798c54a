using System.Net;

namespace JitGrains.Gateway.Forwarding;

/// <summary>
/// Sends each piece of a body on as it comes. The HTTP client otherwise keeps small pieces back until its buffer is full or
/// the body ends, so that an upstream would wait for what its caller sent long ago.
/// </summary>
internal sealed class FlushedContent : HttpContent
{
    private readonly HttpContent inner;

    public FlushedContent(HttpContent inner)
    {
        this.inner = inner;
        foreach (var (name, values) in inner.Headers.NonValidated)
            Headers.TryAddWithoutValidation(name, values);
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken) =>
        inner.CopyToAsync(CountingStream.Flushing(stream), context, cancellationToken);

    /// <summary>Where the length is known, it is among the headers.</summary>
    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }
}
