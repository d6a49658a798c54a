using Microsoft.AspNetCore.Http.Features;

namespace JitGrains.Gateway.Forwarding;

/// <summary>Counts what passes of a call's bodies, an upgraded connection's bytes included.</summary>
internal sealed class BodyBytes : IHttpUpgradeFeature, IHttpExtendedConnectFeature
{
    private readonly CountingStream request;
    private readonly CountingStream response;
    private readonly IHttpUpgradeFeature? upgrade;
    private readonly IHttpExtendedConnectFeature? connect;
    private CountingStream? upgraded;

    private BodyBytes(CountingStream request, CountingStream response, IHttpUpgradeFeature? upgrade, IHttpExtendedConnectFeature? connect) =>
        (this.request, this.response, this.upgrade, this.connect) = (request, response, upgrade, connect);

    /// <summary>Bytes from the caller.</summary>
    public long Request => request.BytesRead + (upgraded?.BytesRead ?? 0);

    /// <summary>Bytes to the caller.</summary>
    public long Response => response.BytesWritten + (upgraded?.BytesWritten ?? 0);

    /// <summary>Whether the caller has all of an answer with this length. Of others only their end says so.</summary>
    public bool IsWhole(long? length) => upgraded is null && length is { } all && response.BytesPassed >= all;

    public bool IsUpgradableRequest => upgrade?.IsUpgradableRequest ?? false;

    public bool IsExtendedConnect => connect?.IsExtendedConnect ?? false;

    public string? Protocol => connect?.Protocol;

    public static BodyBytes Count(HttpContext context)
    {
        var bytes = new BodyBytes(
            new CountingStream(context.Request.Body),
            new CountingStream(context.Response.Body),
            context.Features.Get<IHttpUpgradeFeature>(),
            context.Features.Get<IHttpExtendedConnectFeature>());
        context.Request.Body = bytes.request;
        context.Response.Body = bytes.response;
        if (bytes.IsUpgradableRequest)
            context.Features.Set<IHttpUpgradeFeature>(bytes);
        if (bytes.IsExtendedConnect)
            context.Features.Set<IHttpExtendedConnectFeature>(bytes);
        return bytes;
    }

    public async Task<Stream> UpgradeAsync() => upgraded = CountingStream.Over(await upgrade!.UpgradeAsync());

    public async ValueTask<Stream> AcceptAsync() => upgraded = CountingStream.Over(await connect!.AcceptAsync());
}
