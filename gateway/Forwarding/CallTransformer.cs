using System.Net;
using System.Net.Http.Headers;
using JitGrains.Gateway.Injection;
using JitGrains.Gateway.RequestPath;
using JitGrains.Http;
using JitGrains.Silo.Network;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Forwarder;

namespace JitGrains.Gateway.Forwarding;

/// <summary>Turns one call into the upstream's request, and the upstream's response into ours. One for each call.</summary>
internal sealed class CallTransformer(ForwardedCall call) : HttpTransformer
{
    private static readonly UriCreationOptions Verbatim = new() { DangerousDisablePathAndQueryCanonicalization = true };

    /// <summary>The upstream's status once it has answered.</summary>
    public int? UpstreamStatus { get; private set; }

    public override async ValueTask TransformRequestAsync(HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
    {
        await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
        KeepForwarded(proxyRequest.Headers);
        if (call.Gate.Once)
            proxyRequest.Headers.ExpectContinue = null;
        SetForwarding(httpContext, proxyRequest);
        var target = call.Additions?.Add(proxyRequest, call.Request)
            ?? (call.Api.Credential?.Query is { } query ? UpstreamQuery.Without(call.Request, query.Name) : call.Request.RawTarget);
        if (call.Additions is null && call.Api.Credential?.Certificate is not null)
            proxyRequest.Options.Set(UpstreamClients.WithoutCertificate, true);
        proxyRequest.RequestUri = new Uri(destinationPrefix.TrimEnd('/') + target, Verbatim);
        proxyRequest.Options.Set(ExecutionGate.Key, call.Gate);
    }

    public override async ValueTask<bool> TransformResponseAsync(HttpContext httpContext, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
    {
        if (proxyResponse?.StatusCode == HttpStatusCode.SwitchingProtocols && !call.Request.IsWebSocket)
            throw new InvalidDataException("The upstream switched protocols, which nobody asked for.");
        var copy = await base.TransformResponseAsync(httpContext, proxyResponse, cancellationToken);
        if (proxyResponse is null)
            return copy;
        call.Gate.Sent();
        UpstreamStatus = (int)proxyResponse.StatusCode;
        var headers = httpContext.Response.Headers;
        Strip(headers);
        if (UpstreamStatus == StatusCodes.Status401Unauthorized)
            call.Additions?.Refused();
        SetOwn(headers, call);
        return copy;
    }

    /// <summary>What an answer says for the gateway, whatever the upstream said.</summary>
    public static void SetOwn(IHeaderDictionary headers, ForwardedCall call)
    {
        if (call.Private)
            headers.CacheControl = "private, no-store";
        if (call.Api.Cors is { } cors)
            Cors.Apply(headers, cors, call.AllowedOrigin);
    }

    public override async ValueTask TransformResponseTrailersAsync(HttpContext httpContext, HttpResponseMessage proxyResponse, CancellationToken cancellationToken)
    {
        await base.TransformResponseTrailersAsync(httpContext, proxyResponse, cancellationToken);
        if (httpContext.Features.Get<IHttpResponseTrailersFeature>()?.Trailers is { IsReadOnly: false } trailers)
            Strip(trailers);
    }

    /// <summary>Leaves what the payload binding covers, which is what <see cref="ForwardedHeaders"/> says; TE and the length are the stack's.</summary>
    private void KeepForwarded(HttpRequestHeaders headers)
    {
        headers.Host = null;
        foreach (var (name, value) in call.Request.Headers)
        {
            if (name == "prefer")
                KeepTheirs(headers, value);
            else if (name is not ("te" or "content-length") && !ForwardedHeaders.IsForwarded(name, call.Api))
                headers.Remove(name);
        }
    }

    private static void KeepTheirs(HttpRequestHeaders headers, string preference)
    {
        var rest = Preferences.WithoutOurs(preference);
        if (rest == preference)
            return;
        var lines = headers.NonValidated["prefer"].Select(l => l == preference ? rest : l).OfType<string>().ToArray();
        headers.Remove("prefer");
        if (lines.Length > 0)
            headers.TryAddWithoutValidation("prefer", lines);
    }

    private void SetForwarding(HttpContext context, HttpRequestMessage request)
    {
        request.Headers.TryAddWithoutValidation("X-Forwarded-Proto", call.Request.Scheme);
        request.Headers.TryAddWithoutValidation("X-Forwarded-Host", call.Request.Authority);
        // The client alone, not the proxies between: whoever reads the first address and whoever reads the last get the same.
        if (ClientAddress.Of(context) is { } address)
            request.Headers.TryAddWithoutValidation("X-Forwarded-For", address.ToString());
    }

    private void Strip(IHeaderDictionary headers)
    {
        List<string>? ours = null;
        foreach (KeyValuePair<string, StringValues> header in headers)
        {
            if (!ForwardedHeaders.IsReturned(header.Key, call.Api))
                (ours ??= []).Add(header.Key);
        }

        foreach (var name in ours ?? [])
            headers.Remove(name);
        call.Additions?.Clean(headers);
    }
}
