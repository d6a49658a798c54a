using System.Collections.Immutable;
using System.Text.Json;
using JitGrains.Grants;
using JitGrains.Identity;

namespace JitGrains.Policy;

/// <summary>What an API does with what enforce would refuse.</summary>
public enum ApiMode
{
    /// <summary>Refuses it.</summary>
    Enforce,

    /// <summary>Forwards it and records what enforce would have done. Canonical-form checks enforce all the same.</summary>
    Observe,
}

/// <summary>A protected upstream. Immutable and thread-safe.</summary>
public sealed record ApiDefinition
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Base addresses of the upstream, scheme and authority only.</summary>
    public required ImmutableArray<Uri> Upstreams { get; init; }

    /// <summary>The authority that calls must name (<c>api.example.com</c> or with a port), or null for any.</summary>
    public string? Host { get; init; }

    /// <summary>The path prefix that calls must have, beginning with a slash; <c>/</c> for all. Forwarded as it is.</summary>
    public string Prefix { get; init; } = "/";

    /// <summary>
    /// Whether the upstream reads paths and names exactly as they are (<c>dialect: strict</c>), so that a sloppier reading
    /// of a call need not be refused.
    /// </summary>
    public bool StrictDialect { get; init; }

    /// <summary>Enforce or observe.</summary>
    public ApiMode Mode { get; init; }

    /// <summary>Whether the caller's Authorization goes upstream.</summary>
    public bool ForwardAuthorization { get; init; }

    /// <summary>What is stated of each call to the upstream, or null for nothing.</summary>
    public AssertionDefinition? Assertion { get; init; }

    /// <summary>Whether the gateway adds anything to calls that upstreams are to believe.</summary>
    public bool AddsToCalls => Assertion is not null || Credential is not null;

    /// <summary>What its upstreams know the gateway by, or null for nothing.</summary>
    public CredentialDefinition? Credential { get; init; }

    /// <summary>Cross-origin rules, or null where there are none.</summary>
    public CorsDefinition? Cors { get; init; }

    /// <summary>Audiences, one of which tokens must name for this API; empty where those of the issuers' settings are enough.</summary>
    public ImmutableArray<string> Audiences { get; init; } = [];

    /// <summary>What verified tokens are told apart by where the API has audiences of its own; null where it has none.</summary>
    public string? AudienceKey { get; init; }

    /// <summary>From where calls are taken at all; null where that does not matter.</summary>
    public NetworkFilter? Network { get; init; }

    /// <summary>How long the upstream may stay silent before a call is given up (504).</summary>
    public TimeSpan UpstreamTimeout { get; init; } = TimeSpan.FromSeconds(100);

    /// <summary>Whether the upstreams are spoken to in HTTP/2 at once (prior knowledge, RFC 9113 section 3.3), never in HTTP/1.1.</summary>
    public bool UpstreamHttp2 { get; init; }

    /// <summary>How long a connection to an upstream may take.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Which of the upstreams a call goes to.</summary>
    public LoadBalancing LoadBalancing { get; init; }

    /// <summary>How upstreams are asked whether they are healthy, or null where they are not.</summary>
    public HealthCheckDefinition? HealthCheck { get; init; }

    /// <summary>When an upstream that fails calls gets none for a while, or null for never.</summary>
    public CircuitBreakerDefinition? CircuitBreaker { get; init; }

    /// <summary>Whether calls go to all upstreams where none is healthy; else they are refused.</summary>
    public bool TryUnhealthy { get; init; }

    /// <summary>How often a call that failed is sent again, where that is safe; never under a counted grant.</summary>
    public int Retries { get; init; }

    /// <summary>The actions, in file order.</summary>
    public ImmutableArray<ActionDefinition> Actions { get; init; } = [];

    /// <summary>Whether the caller's token is for this API. What no issuer made for anybody (an API key, a certificate) is for all.</summary>
    public bool IsAudienceOf(Caller caller)
    {
        if (Audiences.IsEmpty || !caller.Claims.TryGetValue("aud", out var named))
            return true;
        return named.ValueKind == JsonValueKind.Array ? named.EnumerateArray().Any(Holds) : Holds(named);

        bool Holds(JsonElement one) => one.ValueKind == JsonValueKind.String && Audiences.Contains(one.GetString()!, StringComparer.Ordinal);
    }
}

/// <summary>Who may call from a browser, and how.</summary>
public sealed record CorsDefinition
{
    /// <summary>Exact origins.</summary>
    public required ImmutableArray<string> Origins { get; init; }

    /// <summary>Request headers allowed beyond ours and the safelisted ones.</summary>
    public ImmutableArray<string> AllowedHeaders { get; init; } = [];

    /// <summary>Response headers exposed beyond ours.</summary>
    public ImmutableArray<string> ExposedHeaders { get; init; } = [];

    /// <summary>Whether credentials may be sent.</summary>
    public bool AllowCredentials { get; init; }

    /// <summary>How long a preflight's answer may be cached.</summary>
    public TimeSpan MaxAge { get; init; } = TimeSpan.FromMinutes(10);
}

/// <summary>A named operation of an API. Immutable and thread-safe.</summary>
public sealed record ActionDefinition
{
    /// <summary>Its name (<c>orders.refund</c>), unique over all APIs.</summary>
    public required string Name { get; init; }

    /// <summary>The methods.</summary>
    public required ImmutableArray<string> Methods { get; init; }

    /// <summary>The path template (<c>/orders/{order}/refunds</c>), whole, from the root.</summary>
    public required string Path { get; init; }

    /// <summary>Access class (read, write, execute...), or null.</summary>
    public string? Access { get; init; }

    /// <summary>Sensitivity class (low, high...), or null.</summary>
    public string? Sensitivity { get; init; }

    /// <summary>Whether the call's body must be read before it can be told which action it is, or decided.</summary>
    public bool NeedsBody { get; init; }

    /// <summary>How much of a call its grants pin.</summary>
    public BindingKind Binding { get; init; } = BindingKind.Payload;

    /// <summary>Header names (lower case) left out of a payload binding beyond the fixed list.</summary>
    public ImmutableArray<string> UnboundHeaders { get; init; } = [];

    /// <summary>How long a call is held where the caller does not say.</summary>
    public TimeSpan HoldDefault { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>The longest a call is held.</summary>
    public TimeSpan HoldCap { get; init; } = TimeSpan.FromSeconds(50);

    /// <summary>Largest body of a held call, in bytes; more is 413.</summary>
    public long BodyLimit { get; init; } = 1024 * 1024;

    /// <summary>What approvers do not see: <c>body.card_number</c>, <c>body.items[].secret</c>, <c>query.token</c>, <c>header.x-key</c>.</summary>
    public ImmutableArray<string> Mask { get; init; } = [];

    /// <summary>A sentence with placeholders: <c>{principal}</c>, <c>{path.order}</c>, <c>{query.x}</c>, <c>{body.amount}</c>; null for a plain one.</summary>
    public string? Summary { get; init; }

    /// <summary>The path parameter that may hold encoded slashes or percent signs, or null.</summary>
    public string? EncodedParameter { get; init; }

    /// <summary>Whether an execution outlives its grant's end once started.</summary>
    public bool Drain { get; init; }
}
