using System.Collections.Immutable;
using JitGrains.Policy.Matching;
using JitGrains.Policy.Schema;
using JitGrains.Policy.Yaml;

namespace JitGrains.Policy.Loading;

/// <summary>An API as read, with where its parts stand.</summary>
internal sealed record BoundApi(ApiDefinition Definition, ImmutableArray<BoundAction> Actions, ShapeReader Keys);

/// <summary>Reads APIs.</summary>
internal static class ApiBinder
{
    public static BoundApi? Read(string name, Cursor at, Names names)
    {
        if (at.Shape(PolicyShapes.Api) is not { } keys)
            return null;
        var prefix = keys["prefix"] is { } p ? Prefix(p) : "/";
        var actions = keys["actions"] is { } a ? Actions(a, prefix ?? "/") : [];
        var upstreams = keys["upstreams"] is { } u ? u.List(Upstream) : [];
        var forwardsAuthorization = keys["forward_authorization"]?.Boolean() ?? false;
        var audiences = keys["audiences"] is { } au ? au.List(i => i.Text(256)) : [];
        var definition = new ApiDefinition
        {
            Name = name,
            Upstreams = upstreams,
            Host = keys["host"] is { } h ? Host(h) : null,
            Prefix = prefix ?? "/",
            StrictDialect = keys["dialect"]?.Word("loose", "strict") == "strict",
            Mode = keys["mode"]?.Word("enforce", "observe") == "observe" ? ApiMode.Observe : ApiMode.Enforce,
            ForwardAuthorization = forwardsAuthorization,
            UpstreamTimeout = keys["upstream_timeout"]?.Duration(TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(1)) ?? TimeSpan.FromSeconds(100),
            UpstreamHttp2 = keys["upstream_http2"]?.Boolean() ?? false,
            ConnectTimeout = keys["connect_timeout"]?.Duration(TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(5)) ?? TimeSpan.FromSeconds(15),
            LoadBalancing = keys["load_balancing"] is { } b ? UpstreamBinder.LoadBalancing(b) : LoadBalancing.RoundRobin,
            HealthCheck = keys["health_check"] is { } hc ? UpstreamBinder.HealthCheck(hc) : null,
            CircuitBreaker = keys["circuit_breaker"] is { } cb ? UpstreamBinder.CircuitBreaker(cb) : null,
            TryUnhealthy = keys["when_none_healthy"]?.Word("refuse", "try") == "try",
            Retries = keys["retries"]?.Integer(0, 3) ?? 0,
            Assertion = keys["assertion"] is { } s ? UpstreamBinder.Assertion(s) : null,
            Credential = keys["credential"] is { } cr ? CredentialBinder.Read(cr, upstreams, forwardsAuthorization) : null,
            Audiences = audiences,
            AudienceKey = audiences.IsEmpty ? null : $"{name}\n{string.Join('\n', audiences)}",
            Network = keys["network"] is { } n ? names.Addresses.Filter(n) : null,
            Cors = keys["cors"] is { } c ? Cors(c) : null,
            Actions = [.. actions.Select(x => x.Definition)],
        };
        return new BoundApi(definition, actions, keys);
    }

    private static ImmutableArray<BoundAction> Actions(Cursor at, string prefix)
    {
        var all = ImmutableArray.CreateBuilder<BoundAction>();
        foreach (var (key, value) in at.Entries())
        {
            if ((value with { Node = key }).Token() is { } name && ActionBinder.Read(name, value, prefix) is { } action)
                all.Add(action);
        }

        if (at.Node is YamlMap { Entries.IsEmpty: true })
            at.Error("an API without actions denies every call; name at least one");
        return all.ToImmutable();
    }

    private static Uri? Upstream(Cursor at)
    {
        var text = at.Text(512);
        if (text is null)
            return null;
        var plain = Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
            && uri.UserInfo.Length == 0 && uri.PathAndQuery == "/" && uri.Fragment.Length == 0 && uri.Host.Length > 0
            && !text.Contains('?', StringComparison.Ordinal) && !text.Contains('#', StringComparison.Ordinal) && !text.Contains('\\', StringComparison.Ordinal);
        return plain ? uri : at.Fail<Uri>($"'{Shown.Text(text)}': an upstream is http or https, a host and maybe a port, with no user, path, query or fragment");
    }

    private static string? Host(Cursor at)
    {
        var text = at.Text(255);
        if (text is null)
            return null;
        var (name, port) = HostSyntax.Split(text);
        var isName = name.Length > 0 && name.Split('.').All(l => l.Length is > 0 and <= 63 && l.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_'));
        var isAddress = name.StartsWith('[') && name.EndsWith(']') && System.Net.IPAddress.TryParse(name[1..^1], out _) && !name.Any(char.IsAsciiLetterUpper);
        if ((isName || isAddress) && port is null or (> 0 and <= 65535))
            return text;
        return at.Fail<string>($"'{Shown.Text(text)}': a host is a name in lower case or an address, maybe with a port; no scheme, no path, no wildcard");
    }

    private static string? Prefix(Cursor at)
    {
        var text = at.Text(PathTemplate.MaxLength);
        if (text is null)
            return null;
        var template = PathTemplate.Parse(text.Length > 1 ? text.TrimEnd('/') : text, out var problem);
        if (template is null)
            return at.Fail<string>(problem);
        if (!template.Parameters.IsEmpty)
            return at.Fail<string>("a prefix has no parameters");
        if (IsReserved(template))
            return at.Fail<string>("/.jit is reserved for the gateway's own endpoints");
        return template.Text;
    }

    /// <summary>Whether a path lies under the gateway's own endpoints.</summary>
    public static bool IsReserved(PathTemplate template) => template.Segments is [{ Kind: SegmentKind.Literal, Folded: ".jit" }, ..];

    private static CorsDefinition? Cors(Cursor at) => at.Shape(PolicyShapes.Cors) is not { } keys ? null : new CorsDefinition
    {
        Origins = keys["origins"] is { } o ? o.List(Origin) : [],
        AllowedHeaders = keys["allowed_headers"] is { } a ? a.List(HeaderSyntax.Read) : [],
        ExposedHeaders = keys["exposed_headers"] is { } e ? e.List(HeaderSyntax.Read) : [],
        AllowCredentials = keys["allow_credentials"]?.Boolean() ?? false,
        MaxAge = keys["max_age"]?.Duration(TimeSpan.Zero, TimeSpan.FromDays(1)) ?? TimeSpan.FromMinutes(10),
    };

    private static string? Origin(Cursor at)
    {
        var text = at.Text(255);
        if (text is null)
            return null;
        return Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.GetLeftPart(UriPartial.Authority) == text && uri.UserInfo.Length == 0
            ? text
            : at.Fail<string>($"'{Shown.Text(text)}': an origin is written exactly as browsers send it, such as https://app.example.com; no wildcard, path or slash at the end");
    }
}
