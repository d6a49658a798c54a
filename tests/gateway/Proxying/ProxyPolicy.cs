using JitGrains.GatewayTests.Support;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.GatewayTests.Proxying;

/// <summary>One upstream behind an API of each kind, told apart by the first segment of the path.</summary>
internal static class ProxyPolicy
{
    private const string Any = """methods: [GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS, CONNECT], path: "/$NAME/{path*}", access: $ACCESS, encoded_parameter: path""";

    /// <summary>Allowed; allowed with the caller's Authorization; with browsers; with a short patience; over HTTP/2; observed.</summary>
    private static readonly string[] Allowed = ["open", "passing", "browser", "impatient", "modern"];

    private static readonly Dictionary<string, string> Settings = new(StringComparer.Ordinal)
    {
        ["passing"] = "forward_authorization: true",
        ["browser"] = """cors: {origins: ["https://app.example.com"], exposed_headers: [x-total], allowed_headers: [x-csrf]}""",
        ["impatient"] = "upstream_timeout: 250ms",
        ["modern"] = "upstream_http2: true",
        ["observed"] = "mode: observe",
        ["moderncounted"] = "upstream_http2: true",
    };

    /// <summary>The policy's text.</summary>
    public static string Text => $"""
        version: 1
        realm: dev
        groups:
          engineering: {"{}"}
          managers: {"{members: [user:bob, user:carol]}"}
        apis:
        {string.Join('\n', Allowed.Select(n => Api(n, "read")))}
        {Api("observed", "none")}
        {Api("window", "window", "binding: action")}
        {Api("drained", "window", "binding: action, drain: true")}
        {Api("counted", "counted", "binding: resource")}
        {Api("moderncounted", "counted", "binding: resource")}
        {Api("bound", "bound", "binding: payload, body_limit: 1KiB")}
        rules:
          - {"{name: all, who: {groups: [engineering]}, actions: {access: [read]}, effect: allow}"}
          - name: windows
            who: {"{groups: [engineering]}"}
            actions: {"{access: [window]}"}
            effect: approve
            approve: {"{stages: [{groups: [managers]}], uses: unlimited, window: 10m}"}
          - name: counted
            who: {"{groups: [engineering]}"}
            actions: {"{access: [counted, bound]}"}
            effect: approve
            approve: {"{auto: {path: {path: {exists: true}}}, uses: once}"}
        """;

    /// <summary>The gateway with this policy.</summary>
    public static Task<GatewayFixture> Start(Uri upstream, ManualTime? time = null, Action<IServiceCollection>? configure = null) =>
        GatewayFixture.Start(upstream, Text, time, configure: configure, args: ["--store", "memory"]);

    /// <summary>Gives alice a window for everything under <c>/window</c> or <c>/drained</c>; the grant's id.</summary>
    public static async Task<string> OpenWindow(GatewayFixture gateway, string alice, string bob, string api = "window") =>
        "gr_" + (await gateway.Granted(alice, bob, new { action = api + ".any", reason = "maintenance" }))[3..];

    private static string Api(string name, string access, string more = "") => $"""
          {name}:
            upstreams: [$UPSTREAM]
            prefix: /{name}
            dialect: strict
        {(Settings.TryGetValue(name, out var setting) ? "    " + setting : "    # nothing more")}
            actions:
              {name}.any: {"{"}{Any.Replace("$NAME", name, StringComparison.Ordinal).Replace("$ACCESS", access, StringComparison.Ordinal)}{(more.Length > 0 ? ", " + more : "")}{"}"}
        """.Replace("\n", "\n  ", StringComparison.Ordinal).Insert(0, "  ");
}
