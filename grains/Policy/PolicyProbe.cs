using System.Collections.Immutable;
using JitGrains.Http;
using JitGrains.Identity;
using JitGrains.Limits;
using JitGrains.Network;

namespace JitGrains.Policy;

/// <summary>A call that nobody made: to ask what policy would say of it.</summary>
public sealed record PolicyProbe
{
    /// <summary>Who would call.</summary>
    public required Caller Caller { get; init; }

    /// <summary>What would come off the wire.</summary>
    public required RawRequest Request { get; init; }

    /// <summary>The body, as far as it is known.</summary>
    public ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>From where, if that is known.</summary>
    public CallOrigin Origin { get; init; }

    /// <summary>The connection's client certificate, if that is known.</summary>
    public DeviceCertificate? Certificate { get; init; }

    /// <summary>When.</summary>
    public required DateTimeOffset Now { get; init; }

    /// <summary>
    /// A request from a method and a URL, or a path where the host is given apart.
    /// </summary>
    /// <param name="line"><c>POST https://api.example.com/orders/42/refunds?x=1</c>, or <c>POST /orders/42/refunds</c>.</param>
    /// <param name="host">The host where the line has only a path.</param>
    /// <param name="headers">Further headers.</param>
    /// <returns>Null where the line is neither.</returns>
    public static RawRequest? TryReadRequest(string line, string host = "localhost", IEnumerable<HeaderLine>? headers = null)
    {
        var parts = line.Split(' ');
        if (parts.Length != 2 || parts[0].Length == 0 || parts[1].Length == 0)
            return null;
        var (target, scheme) = (parts[1], "http");
        var colon = target.IndexOf("://", StringComparison.Ordinal);
        if (!target.StartsWith('/'))
        {
            if (colon < 0 || target[..colon] is not ("http" or "https"))
                return null;
            scheme = target[..colon];
            var rest = target[(colon + 3)..];
            var end = rest.AsSpan().IndexOfAny('/', '?');
            (host, target) = end < 0 ? (rest, "/") : (rest[..end], rest[end] == '/' ? rest[end..] : $"/{rest[end..]}");
        }

        return new RawRequest
        {
            Method = parts[0],
            Target = target,
            Scheme = scheme,
            Protocol = "HTTP/1.1",
            Headers = [new HeaderLine("Host", host), .. headers ?? []],
        };
    }
}

/// <summary>What policy would say of a call, with reasons.</summary>
/// <param name="Refusal">Why the call has no canonical form; nothing else is known then.</param>
/// <param name="Match">Which action it is; null only with a refusal.</param>
/// <param name="Explanation">The decision; null where there is no action.</param>
/// <param name="NetworkDenied">Whether a network filter refuses it, whoever calls.</param>
public sealed record PolicyProbeResult(CanonicalRefusal? Refusal, ActionMatch? Match, PolicyExplanation? Explanation, bool NetworkDenied = false)
{
    /// <summary>The limits that count the call, and its ask where it needs one, in the order of the files.</summary>
    public ImmutableArray<PolicyLimit> Limits { get; init; } = [];

    /// <summary>The decision; a call without an action is denied by no rule.</summary>
    public PolicyDecision Decision => NetworkDenied ? new PolicyDecision.Deny(null) : Explanation?.Decision ?? new PolicyDecision.Deny(null);

    /// <summary>The code of the refusal before any rule was looked at, or null.</summary>
    public string? EarlyCode => Refusal?.Code ?? (NetworkDenied ? "network-denied" : EarlyRefusal?.Code);

    /// <summary>Why the call's form was refused before any rule was looked at, or null.</summary>
    public CanonicalRefusal? EarlyRefusal => Refusal ?? (Match as ActionMatch.Confusable)?.Refusal;
}

/// <summary>Asks a policy about calls that nobody made, by the way that real ones go. Stateless and thread-safe.</summary>
public static class PolicyProber
{
    /// <summary>Canonical form, match and explained decision of a call.</summary>
    public static PolicyProbeResult Ask(this CompiledPolicy policy, PolicyProbe probe)
    {
        if (!RequestParser.Parse(probe.Request).TryGet(out var request, out var refusal))
            return new PolicyProbeResult(refusal, null, null);
        var body = JsonBody.TryRead(request.SingleHeader("content-type"), request.SingleHeader("content-encoding"), probe.Body);
        var match = policy.Match(request, body);
        // Who only asks what policy says may leave open from where; a call that comes from nowhere in particular is refused.
        var denied = probe.Origin != default && !policy.Admits(policy.Outline(request).Api, probe.Origin);
        if (match is not ActionMatch.Found found)
            return new PolicyProbeResult(null, match, null, denied);
        var explanation = policy.Explain(new PolicyInput
        {
            Caller = probe.Caller,
            Api = found.Api,
            Action = found.Action,
            Captures = found.Captures,
            Request = request,
            Body = body,
            Origin = probe.Origin,
            Certificate = probe.Certificate,
            Now = probe.Now,
        });
        return new PolicyProbeResult(null, match, explanation, denied) { Limits = [.. policy.Limits.Where(Counts)] };

        bool Counts(PolicyLimit limit) =>
            (limit.Definition.Counts == LimitSubject.Calls || (limit.Definition.Counts == LimitSubject.Asks && explanation.Decision is PolicyDecision.Approve))
            && limit.IsAboutApi(found.Api.Name) && limit.IsAboutAction(found.Action) && limit.IsAbout(probe.Caller);
    }
}
