using Microsoft.AspNetCore.Http.Features;

namespace JitGrains.Gateway.Forwarding;

/// <summary>
/// Tells a caller that has left from one that was cut off here: YARP's forwarder cuts callers off whose answer it cannot go on with, and
/// afterwards both look the same. Thread-safe as far as what it stands for is.
/// </summary>
internal sealed class CallerLifetime : IHttpRequestLifetimeFeature, IHttpResetFeature
{
    private readonly IHttpRequestLifetimeFeature lifetime;
    private readonly IHttpResetFeature? resets;
    private bool? hadLeft;

    private CallerLifetime(IHttpRequestLifetimeFeature lifetime, IHttpResetFeature? resets) => (this.lifetime, this.resets) = (lifetime, resets);

    /// <summary>Whether the caller has left, or had before it was cut off.</summary>
    public bool HasLeft => hadLeft ?? lifetime.RequestAborted.IsCancellationRequested;

    /// <inheritdoc/>
    public CancellationToken RequestAborted
    {
        get => lifetime.RequestAborted;
        set => lifetime.RequestAborted = value;
    }

    /// <summary>Watches from now on how the call is cut off.</summary>
    public static CallerLifetime Watch(HttpContext context)
    {
        var watch = new CallerLifetime(context.Features.GetRequiredFeature<IHttpRequestLifetimeFeature>(), context.Features.Get<IHttpResetFeature>());
        context.Features.Set<IHttpRequestLifetimeFeature>(watch);
        if (watch.resets is not null)
            context.Features.Set<IHttpResetFeature>(watch);
        return watch;
    }

    /// <inheritdoc/>
    public void Abort()
    {
        Note();
        lifetime.Abort();
    }

    /// <inheritdoc/>
    public void Reset(int errorCode)
    {
        Note();
        resets!.Reset(errorCode);
    }

    /// <summary>From here on both look the same.</summary>
    private void Note() => hadLeft ??= lifetime.RequestAborted.IsCancellationRequested;
}
