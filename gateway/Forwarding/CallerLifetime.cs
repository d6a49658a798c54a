using Microsoft.AspNetCore.Http.Features;

namespace JitGrains.Gateway.Forwarding;

/// <summary>
/// Tells a caller that has left from one that was cut off here: YARP's forwarder cuts callers off whose answer it cannot go on with, and
/// afterwards both look the same. A caller that has its whole answer is not cut off: a grant may end while the forwarder has yet to see
/// that nothing more comes, and the connection carries the caller's next call by then. Thread-safe as far as what it stands for is.
/// </summary>
internal sealed class CallerLifetime : IHttpRequestLifetimeFeature, IHttpResetFeature
{
    private readonly IHttpRequestLifetimeFeature lifetime;
    private readonly IHttpResetFeature? resets;
    private readonly HttpResponse response;
    private readonly BodyBytes bytes;
    private bool? hadLeft;

    private CallerLifetime(HttpContext context, BodyBytes bytes)
    {
        (lifetime, resets) = (context.Features.GetRequiredFeature<IHttpRequestLifetimeFeature>(), context.Features.Get<IHttpResetFeature>());
        (response, this.bytes) = (context.Response, bytes);
    }

    /// <summary>Whether the caller has left, or had before it was cut off.</summary>
    public bool HasLeft => hadLeft ?? lifetime.RequestAborted.IsCancellationRequested;

    /// <summary>Whether it would have been cut off with its whole answer, and was not.</summary>
    public bool HadAll { get; private set; }

    /// <inheritdoc/>
    public CancellationToken RequestAborted
    {
        get => lifetime.RequestAborted;
        set => lifetime.RequestAborted = value;
    }

    /// <summary>Watches from now on how the call is cut off.</summary>
    /// <param name="context">The call.</param>
    /// <param name="bytes">What has passed of it.</param>
    public static CallerLifetime Watch(HttpContext context, BodyBytes bytes)
    {
        var watch = new CallerLifetime(context, bytes);
        context.Features.Set<IHttpRequestLifetimeFeature>(watch);
        if (watch.resets is not null)
            context.Features.Set<IHttpResetFeature>(watch);
        return watch;
    }

    /// <inheritdoc/>
    public void Abort()
    {
        if (IsToBeCut())
            lifetime.Abort();
    }

    /// <inheritdoc/>
    public void Reset(int errorCode)
    {
        if (IsToBeCut())
            resets!.Reset(errorCode);
    }

    private bool IsToBeCut()
    {
        // From here on both look the same.
        hadLeft ??= lifetime.RequestAborted.IsCancellationRequested;
        HadAll = !hadLeft.Value && bytes.IsWhole(response.ContentLength);
        return !HadAll;
    }
}
