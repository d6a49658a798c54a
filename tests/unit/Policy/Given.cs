using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using JitGrains.Http;
using JitGrains.Identity;
using JitGrains.Network;
using JitGrains.Policy;

namespace JitGrains.UnitTests.Policy;

/// <summary>Calls, callers and policies, as short as tests like them.</summary>
internal static class Given
{
    public static readonly DateTimeOffset Noon = new(2026, 3, 4, 12, 0, 0, TimeSpan.Zero);

    public static CompiledPolicy Policy(string text)
    {
        var result = PolicyLoader.Load([new PolicyFile("policy.yaml", text)]);
        Assert.True(result.Policy is not null, string.Join('\n', result.Problems));
        return result.Policy;
    }

    public static PolicyLoadResult Load(string text) => PolicyLoader.Load([new PolicyFile("policy.yaml", text)]);

    public static CanonicalRequest Request(string line, string host = "api.example.com", string scheme = "https", params (string Name, string Value)[] headers)
    {
        var space = line.IndexOf(' ', StringComparison.Ordinal);
        var raw = new RawRequest
        {
            Method = line[..space],
            Target = line[(space + 1)..],
            Scheme = scheme,
            Protocol = "HTTP/1.1",
            Headers = [new HeaderLine("Host", host), .. headers.Select(h => new HeaderLine(h.Name, h.Value))],
        };
        var result = RequestParser.Parse(raw);
        Assert.True(result.TryGet(out var request, out var refusal), $"{line}: {refusal}");
        return request;
    }

    public static JsonBody? Body(string? json) => json is null ? null : JsonBody.TryRead("application/json", null, Encoding.UTF8.GetBytes(json));

    public static Caller Caller(string principal = "dev:user:alice", string groups = "", string claims = "{}", params string[] actors) => new()
    {
        Principal = new PrincipalId(principal),
        Actors = [.. actors.Select(a => new PrincipalId(a))],
        Groups = [.. groups.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(g => $"dev:{g}")],
        Claims = JsonElement.Parse(claims).EnumerateObject().ToImmutableDictionary(p => p.Name, p => p.Value),
        TokenIssuedAt = Noon.AddMinutes(-5),
        TokenExpiresAt = Noon.AddHours(1),
    };

    /// <summary>Matches and evaluates as the gateway does.</summary>
    public static PolicyDecision Decide(this CompiledPolicy policy, CanonicalRequest request, Caller? caller = null, string? body = null, string? address = null, DateTimeOffset? now = null, CallOrigin? origin = null)
    {
        var json = Body(body);
        var found = Assert.IsType<ActionMatch.Found>(policy.Match(request, json));
        return policy.Evaluate(policy.Input(found, request, caller ?? Caller(), json, address, now, origin));
    }

    public static PolicyInput Input(this CompiledPolicy policy, ActionMatch.Found found, CanonicalRequest request, Caller caller, JsonBody? body = null, string? address = null, DateTimeOffset? now = null, CallOrigin? origin = null) => new()
    {
        Caller = caller,
        Api = policy.Apis.Single(a => a.Name == found.Api.Name),
        Action = found.Action,
        Captures = found.Captures,
        Request = request,
        Body = body,
        Origin = origin ?? new CallOrigin(address is null ? null : IPAddress.Parse(address)),
        Now = now ?? Noon,
    };

    public static DateTimeOffset Time(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);
}
