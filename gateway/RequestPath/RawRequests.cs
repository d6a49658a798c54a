using System.Collections.Immutable;
using JitGrains.Http;
using Microsoft.AspNetCore.Http.Features;

namespace JitGrains.Gateway.RequestPath;

/// <summary>Takes a request as Kestrel read it, before anything is interpreted. Stateless.</summary>
internal static class RawRequests
{
    public static RawRequest Of(HttpContext context)
    {
        var request = context.Features.GetRequiredFeature<IHttpRequestFeature>();
        var headers = ImmutableArray.CreateBuilder<HeaderLine>(request.Headers.Count);
        foreach (var (name, values) in request.Headers)
        {
            foreach (var value in values)
                headers.Add(new HeaderLine(name, value ?? ""));
        }

        return new RawRequest
        {
            Method = request.Method,
            Target = request.RawTarget,
            Scheme = request.Scheme,
            Protocol = request.Protocol,
            Headers = headers.DrainToImmutable(),
            ConnectProtocol = context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true } connect ? connect.Protocol : null,
        };
    }
}
