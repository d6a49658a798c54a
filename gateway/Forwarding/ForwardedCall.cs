using JitGrains.Gateway.Injection;
using JitGrains.Http;
using JitGrains.Policy;

namespace JitGrains.Gateway.Forwarding;

/// <summary>One call on its way upstream: what the forwarder needs to know of it.</summary>
internal sealed record ForwardedCall
{
    /// <summary>The API.</summary>
    public required ApiDefinition Api { get; init; }

    /// <summary>What is forwarded is built from its raw parts.</summary>
    public required CanonicalRequest Request { get; init; }

    /// <summary>Checked right before the first upstream byte.</summary>
    public required ExecutionGate Gate { get; init; }

    /// <summary>What the gateway adds to it that upstreams are to believe; null for nothing.</summary>
    public Additions? Additions { get; init; }

    /// <summary>Whether it runs under an approve rule, so that no cache may keep the answer.</summary>
    public bool Private { get; init; }

    /// <summary>The origin that the API's cross-origin rules admit, or null.</summary>
    public string? AllowedOrigin { get; init; }
}

/// <summary>How a forwarded call ended.</summary>
/// <param name="UpstreamStatus">The upstream's status, where it answered.</param>
/// <param name="Error">Null where everything passed; otherwise one of the fixed words in <see cref="ForwardErrors"/>.</param>
/// <param name="RequestBytes">Body bytes taken from the caller.</param>
/// <param name="ResponseBytes">Body bytes given to the caller.</param>
internal readonly record struct ForwardResult(int? UpstreamStatus, string? Error, long RequestBytes, long ResponseBytes);

/// <summary>The words for what can go wrong. They are stored in outcomes, so they stay as they are.</summary>
internal static class ForwardErrors
{
    public const string UpstreamUnreachable = "upstream-unreachable";
    public const string NoUpstream = "no-healthy-upstream";
    public const string UpstreamTimeout = "upstream-timeout";
    public const string UpstreamBroke = "upstream-broke-off";
    public const string CallerLeft = "caller-left";
    public const string CallerBody = "caller-body";
    public const string GrantEnded = "grant-ended";
    public const string TokenEnded = "token-ended";
    public const string LeaseLost = "lease-lost";
    public const string Blocked = "blocked";
    public const string PolicyChanged = "policy-changed";
    public const string NoCredential = "no-credential";
    public const string StartedLate = "started-late";
    public const string GatewayStopped = "gateway-stopped";
    public const string GatewayFailed = "gateway-failed";
}
