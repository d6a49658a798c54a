using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using JitGrains.Http;
using JitGrains.Identity;
using JitGrains.Network;
using JitGrains.Policy.Conditions;
using JitGrains.Policy.Loading;
using JitGrains.Policy.Schema;
using JitGrains.Policy.Yaml;

namespace JitGrains.Policy;

/// <summary>Reads files of cases. Pure, stateless and thread-safe.</summary>
public static class PolicyCases
{
    /// <summary>Reads a file; everything that is wrong is reported at once.</summary>
    /// <param name="file">The file.</param>
    /// <param name="realm">The realm of principals and groups written without one: the policy's.</param>
    /// <param name="now">The time of cases that do not say one.</param>
    public static PolicyCasesLoadResult Load(PolicyFile file, string? realm, DateTimeOffset now)
    {
        var problems = new ProblemSink();
        var cases = ImmutableArray.CreateBuilder<PolicyCase>();
        if (YamlFileReader.Read(file, problems) is { } root && new Cursor(root, "", problems).Shape(CaseShapes.Root)?["cases"] is { } list)
        {
            var names = new HashSet<string>(StringComparer.Ordinal);
            foreach (var item in list.Items())
            {
                if (item.Shape(CaseShapes.Case) is not { } keys || Read(keys, realm, now) is not { } one)
                    continue;
                if (!names.Add(one.Name))
                    keys.Near("name").Error("two cases have this name");
                cases.Add(one);
            }
        }

        return new PolicyCasesLoadResult(problems.HasErrors ? [] : cases.ToImmutable(), problems.ToImmutable());
    }

    private static PolicyCase? Read(ShapeReader keys, string? realm, DateTimeOffset now)
    {
        var name = keys["name"]?.Text(200);
        var caller = ReadCaller(keys, realm, now);
        var (device, certificate) = keys["device"] is { } d ? ReadDevice(d) : default;
        var body = keys["body"] is { } b ? ReadBody(b) : default;
        var request = ReadRequest(keys, body.IsJson);
        var origin = ReadOrigin(keys);
        var at = keys["at"] is { } t ? ReadTime(t) : now;
        var expect = keys["expect"]?.Word("allow", "approve", "deny");
        var rule = keys["rule"]?.Text();
        var automatic = keys["automatic"]?.Boolean();
        var refusal = keys["refusal"]?.Text();
        var limits = keys["limits"] is not { } l ? default : l.Node is YamlList { Items.IsEmpty: true } ? [] : l.List(i => i.Token());
        if (name is null || caller is null || request is null || at is null || expect is null)
            return null;
        return new PolicyCase
        {
            Name = name,
            Place = keys.At.Place,
            Probe = new PolicyProbe { Caller = caller with { Device = device }, Certificate = certificate, Request = request, Body = body.Bytes, Origin = origin, Now = at.Value },
            Expect = Enum.Parse<ExpectedOutcome>(expect, ignoreCase: true),
            Rule = rule,
            Automatic = automatic,
            Refusal = refusal,
            Limits = limits,
        };
    }

    private static Caller? ReadCaller(ShapeReader keys, string? realm, DateTimeOffset now)
    {
        var names = new Names(realm);
        var principal = keys["as"] is { } p ? names.Principal(p) : null;
        var actors = keys["actors"] is { } a ? names.Principals(a) : [];
        var groups = keys["groups"] is not { Node: not YamlList { Items.IsEmpty: true } } g ? [] : g.List(names.Qualify);
        var claims = keys["claims"] is { } c ? ToJson(c.Node) : null;
        if (claims is not (null or JsonObject))
            keys.Near("claims").Error("a mapping is expected here");
        return principal is null ? null : new Caller
        {
            Principal = principal.Value,
            Actors = actors,
            Groups = [.. groups],
            Claims = ToClaims(claims as JsonObject),
            TokenIssuedAt = now,
            TokenExpiresAt = DateTimeOffset.MaxValue,
        };
    }

    private static (CallerDevice? Device, DeviceCertificate? Certificate) ReadDevice(Cursor at)
    {
        if (at.Shape(CaseShapes.Device) is not { } keys)
            return default;
        var key = keys["key"]?.Shape(CaseShapes.Key);
        var claims = keys["claims"] is { } c ? ToJson(c.Node) : null;
        if (claims is not (null or JsonObject))
            keys.Near("claims").Error("a mapping is expected here");
        var device = new CallerDevice
        {
            Certificate = key?["certificate"] is { } x ? DeviceBinder.Thumbprint(x) : null,
            ProofKey = key?["dpop"] is { } p ? DeviceBinder.Thumbprint(p) : null,
            Claims = ToClaims(claims as JsonObject),
        };
        if (keys["certificate"]?.Shape(CaseShapes.Certificate) is not { } certificate)
            return (device, DeviceCertificate.None);
        return (device, new DeviceCertificate(
            (certificate["thumbprint"] is { } t ? DeviceBinder.Thumbprint(t) : null) ?? "",
            certificate["issued_by"]?.Token(),
            certificate["names"] is { } n ? n.List(i => i.Text()) : []));
    }

    private static RawRequest? ReadRequest(ShapeReader keys, bool isJson)
    {
        var headers = new List<HeaderLine>();
        foreach (var (key, value) in keys["headers"]?.Entries() ?? [])
        {
            if (value.Node is YamlScalar)
                headers.Add(new HeaderLine(key.Text, value.Text() ?? ""));
            else
                headers.AddRange(value.Items().Select(i => new HeaderLine(key.Text, i.Text() ?? "")));
        }

        if (isJson && !headers.Any(h => h.Name.Equals("content-type", StringComparison.OrdinalIgnoreCase)))
            headers.Add(new HeaderLine("Content-Type", "application/json"));
        if (keys["request"]?.Text(10_000) is not { } line)
            return null;
        return PolicyProbe.TryReadRequest(line, keys["host"]?.Text() ?? "localhost", headers)
            ?? keys.Near("request").Fail<RawRequest>("a request is a method and a path, or a method and a URL: GET /orders/42");
    }

    private static (ReadOnlyMemory<byte> Bytes, bool IsJson) ReadBody(Cursor at) => at.Node is YamlScalar { IsNull: false } text
        ? (Encoding.UTF8.GetBytes(text.Text), false)
        : (JsonSerializer.SerializeToUtf8Bytes(ToJson(at.Node)), true);

    private static CallOrigin ReadOrigin(ShapeReader keys)
    {
        var address = keys["address"] is { } a && a.Text() is { } text
            ? AddressText.Address(text) ?? a.Fail<IPAddress>($"'{Shown.Text(text)}' is no address")
            : null;
        return new CallOrigin(address, (keys["country"] is { } c ? AddressBinder.Country(c) : null) ?? default, (keys["asn"] is { } n ? AddressBinder.Asn(n) : null) ?? 0);
    }

    private static DateTimeOffset? ReadTime(Cursor at) =>
        at.Text() is not { } text ? null
        : DateTimeOffset.TryParseExact(text, ["yyyy-MM-ddTHH:mmK", "yyyy-MM-ddTHH:mm:ssK"], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time
        : at.Fail<DateTimeOffset?>($"'{Shown.Text(text)}' is no time such as 2026-03-04T12:00:00Z");

    private static ImmutableDictionary<string, JsonElement> ToClaims(JsonObject? claims) =>
        claims?.ToImmutableDictionary(p => p.Key, p => JsonSerializer.SerializeToElement(p.Value), StringComparer.Ordinal) ?? ImmutableDictionary<string, JsonElement>.Empty;

    private static JsonNode? ToJson(YamlValue value) => value switch
    {
        YamlMap map => new JsonObject(map.Entries.Select(e => KeyValuePair.Create(e.Key.Text, ToJson(e.Value)))),
        YamlList list => new JsonArray([.. list.Items.Select(ToJson)]),
        YamlScalar { IsNull: true } => null,
        YamlScalar { IsPlain: true, Text: "true" or "false" } flag => JsonValue.Create(flag.Text == "true"),
        YamlScalar { IsPlain: true } number when ExactNumber.FromText(number.Text) is not null => JsonNode.Parse(number.Text),
        YamlScalar text => JsonValue.Create(text.Text),
        _ => throw new InvalidOperationException("There are no other nodes."),
    };
}
