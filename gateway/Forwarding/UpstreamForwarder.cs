using System.Net;
using JitGrains.Gateway.Forwarding.Lines;
using JitGrains.Policy;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Yarp.ReverseProxy.Forwarder;

namespace JitGrains.Gateway.Forwarding;

/// <summary>Sends a call to one of its API's upstreams and its answer back, with YARP or, where it is plain, over our own connections. Decides nothing. Thread-safe.</summary>
internal sealed class UpstreamForwarder(IHttpForwarder forwarder, PlainUpstreams plain, UpstreamPicker upstreams, RetryBudget retries) : IPlainCalls
{
    /// <summary>Whether an upstream of the API may get a call. Asked before a use is taken that would be lost.</summary>
    public bool HasUpstream(ApiDefinition api) => upstreams.CountAvailable(api) > 0;

    /// <summary>
    /// Forwards. Where nothing has been sent to the caller (<see cref="HttpResponse.HasStarted"/>), a failed call's answer
    /// is the pipeline's to write.
    /// </summary>
    /// <param name="context">The call.</param>
    /// <param name="call">What is known of it.</param>
    /// <param name="stop">Cancels the execution, as the end of its grant or token does.</param>
    public ValueTask<ForwardResult> Forward(HttpContext context, ForwardedCall call, CancellationToken stop) =>
        PlainUpstreams.Takes(context, call) ? ForwardPlain(context, call, stop) : ForwardByYarp(context, call, null, stop);

    private ValueTask<ForwardResult> ForwardPlain(HttpContext context, ForwardedCall call, CancellationToken stop)
    {
        if (upstreams.Pick(context, call.Api, null) is not { } picked)
            return ValueTask.FromResult(new ForwardResult(null, ForwardErrors.NoUpstream, 0, 0));
        if (plain.To(picked) is not { } pool)
            return ForwardByYarp(context, call, picked, stop);
        upstreams.Begin(picked);
        return plain.Send(new PlainCall(context, call, picked, this, stop), pool);
    }

    /// <inheritdoc/>
    ForwardResult IPlainCalls.Ended(in PlainCall ended, PlainResult result)
    {
        var (context, call, picked, _, stop) = ended;
        if (result.Error != ForwarderError.None)
            context.Features.Set<IForwarderErrorFeature>(new ForwardFailure(result.Error, result.Failure));
        upstreams.End(context, picked, IsAboutUpstream(result.Error) && call.Gate.Refusal is null && !stop.IsCancellationRequested);
        return new ForwardResult(result.Status, call.Gate.Refusal ?? WordFor(result.Error, result.CallerLeft, result.Status, stop), 0, result.Bytes);
    }

    /// <inheritdoc/>
    ValueTask<ForwardResult> IPlainCalls.SendOtherwise(in PlainCall unsent)
    {
        upstreams.End(unsent.Context, unsent.Upstream, isAboutUpstream: false);
        return ForwardByYarp(unsent.Context, unsent.Call, unsent.Upstream, unsent.Stop);
    }

    /// <inheritdoc/>
    void IPlainCalls.Broke(in PlainCall broken) => upstreams.End(broken.Context, broken.Upstream, isAboutUpstream: false);

    /// <summary>To the upstream that was picked for it first, where one was.</summary>
    private async ValueTask<ForwardResult> ForwardByYarp(HttpContext context, ForwardedCall call, Picked? first, CancellationToken stop)
    {
        // Callers may pause while they send, as streams do: how long all may be silent is the API's to say, not the server's.
        if (context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
            rate.MinDataRate = null;
        var bytes = BodyBytes.Count(context);
        var caller = CallerLifetime.Watch(context, bytes);
        // In this method's own flow: it is gone when the call is over.
        ExecutionGate.Current.Value = call.Gate;
        Picked? before = null;
        for (var retry = 0; ; retry++)
        {
            if (((retry == 0 ? first : null) ?? upstreams.Pick(context, call.Api, before)) is not { } picked)
                return new ForwardResult(null, ForwardErrors.NoUpstream, bytes.Request, bytes.Response);
            var transformer = new CallTransformer(call);
            upstreams.Begin(picked);
            var error = await forwarder.SendAsync(context, picked.Destination.Model.Config.Address, picked.Cluster.Model.HttpClient, ConfigFor(call, context), transformer, stop);
            // Cut when there was nothing left to pass on: the call has run.
            if (caller.HadAll && error is ForwarderError.ResponseBodyCanceled)
                error = ForwarderError.None;
            upstreams.End(context, picked, IsAboutUpstream(error) && call.Gate.Refusal is null && !stop.IsCancellationRequested);
            if (call.Api.Retries > 0 && !call.Gate.Once)
            {
                if (retry == 0)
                    retries.Called(picked.Cluster);
                if (retry < call.Api.Retries && MayRepeat(context, call, error, bytes, stop) && retries.TryTake(picked.Cluster))
                {
                    before = picked;
                    call.Gate.Again();
                    // The forwarder takes another status for an answer that has been made.
                    context.Response.StatusCode = StatusCodes.Status200OK;
                    context.Features.Set<IForwarderErrorFeature>(null);
                    continue;
                }
            }

            var word = call.Gate.Refusal ?? WordFor(error, caller.HasLeft, transformer.UpstreamStatus, stop);
            return new ForwardResult(transformer.UpstreamStatus, word, bytes.Request, bytes.Response);
        }
    }

    private sealed record ForwardFailure(ForwarderError Error, Exception? Exception) : IForwarderErrorFeature;

    /// <summary>
    /// Whether a call that failed may be sent again: nothing of it reached an upstream; or it may have, but its method is safe
    /// (RFC 9110 section 9.2.1). Never once the caller has seen something, or its body was begun.
    /// </summary>
    private static bool MayRepeat(HttpContext context, ForwardedCall call, ForwarderError error, BodyBytes bytes, CancellationToken stop)
    {
        // A connection that takes too long is a timeout as well.
        var notSent = !call.Gate.Started;
        if (error is not (ForwarderError.Request or ForwarderError.RequestTimedOut) || (error == ForwarderError.RequestTimedOut && !notSent) || call.Gate.Refusal is not null || stop.IsCancellationRequested || context.RequestAborted.IsCancellationRequested
            || context.Response.HasStarted || bytes.Request > 0 || call.Request.IsWebSocket)
        {
            return false;
        }

        return notSent || call.Request.Method is "GET" or "HEAD" or "OPTIONS";
    }

    /// <summary>What callers break off themselves must not take an upstream away from the others.</summary>
    private static bool IsAboutUpstream(ForwarderError error) => error is ForwarderError.None
        or ForwarderError.Request or ForwarderError.RequestTimedOut or ForwarderError.RequestBodyDestination or ForwarderError.ResponseHeaders or ForwarderError.ResponseBodyDestination
        or ForwarderError.UpgradeRequestDestination or ForwarderError.UpgradeResponseDestination;

    private static ForwarderRequestConfig ConfigFor(ForwardedCall call, HttpContext context)
    {
        var config = new ForwarderRequestConfig { ActivityTimeout = call.Api.UpstreamTimeout };
        if (call.Api.UpstreamHttp2)
            return config with { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        // A WebSocket is asked for once, by HTTP/1.1; YARP would try HTTP/2 first and then send it again.
        return call.Request.IsWebSocket || context.Features.Get<IHttpUpgradeFeature>()?.IsUpgradableRequest == true
            ? config with { Version = HttpVersion.Version11 }
            : config;
    }

    private static string? WordFor(ForwarderError error, bool callerLeft, int? status, CancellationToken stop) => error switch
    {
        ForwarderError.None => null,
        _ when stop.IsCancellationRequested => ForwardErrors.GrantEnded,
        _ when callerLeft => ForwardErrors.CallerLeft,
        ForwarderError.RequestTimedOut or ForwarderError.UpgradeActivityTimeout => ForwardErrors.UpstreamTimeout,
        ForwarderError.RequestBodyClient or ForwarderError.RequestBodyCanceled or ForwarderError.UpgradeRequestClient => ForwardErrors.CallerBody,
        ForwarderError.ResponseBodyClient or ForwarderError.UpgradeResponseClient => ForwardErrors.CallerLeft,
        ForwarderError.ResponseBodyCanceled or ForwarderError.UpgradeRequestCanceled or ForwarderError.UpgradeResponseCanceled => ForwardErrors.UpstreamTimeout,
        _ when status is not null => ForwardErrors.UpstreamBroke,
        _ => ForwardErrors.UpstreamUnreachable,
    };
}
