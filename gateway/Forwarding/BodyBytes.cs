using Microsoft.AspNetCore.Http.Features;

namespace JitGrains.Gateway.Forwarding;

/// <summary>Counts what passes of a call's bodies, an upgraded connection's bytes included.</summary>
internal sealed class BodyBytes : IHttpUpgradeFeature
{
    private readonly CountingStream request;
    private readonly CountingStream response;
    private readonly IHttpUpgradeFeature? upgrade;
    private CountingStream? upgraded;

    private BodyBytes(CountingStream request, CountingStream response, IHttpUpgradeFeature? upgrade) =>
        (this.request, this.response, this.upgrade) = (request, response, upgrade);

    /// <summary>Bytes from the caller.</summary>
    public long Request => request.BytesRead + (upgraded?.BytesRead ?? 0);

    /// <summary>Bytes to the caller.</summary>
    public long Response => response.BytesWritten + (upgraded?.BytesWritten ?? 0);

    public bool IsUpgradableRequest => upgrade?.IsUpgradableRequest ?? false;

    public static BodyBytes Count(HttpContext context)
    {
        var bytes = new BodyBytes(new CountingStream(context.Request.Body), new CountingStream(context.Response.Body), context.Features.Get<IHttpUpgradeFeature>());
        context.Request.Body = bytes.request;
        context.Response.Body = bytes.response;
        if (bytes.IsUpgradableRequest)
            context.Features.Set<IHttpUpgradeFeature>(bytes);
        return bytes;
    }

    public async Task<Stream> UpgradeAsync() => upgraded = CountingStream.Over(await upgrade!.UpgradeAsync());
}
