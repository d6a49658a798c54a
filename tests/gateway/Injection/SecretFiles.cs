using JitGrains.GatewayTests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.GatewayTests.Injection;

/// <summary>A folder of secrets, and the settings that let policy name them for one upstream.</summary>
internal sealed class SecretFiles : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("jitgrains-secrets-").FullName;

    /// <summary>Writes a secret; its reference.</summary>
    public string Write(string name, string secret)
    {
        var draft = Path.Combine(folder, name + ".new");
        File.WriteAllText(draft, secret);
        File.Move(draft, Path.Combine(folder, name), overwrite: true);
        return Reference(name);
    }

    public string Reference(string name) => $"file:{Path.Combine(folder, name)}";

    public void Remove(string name) => File.Delete(Path.Combine(folder, name));

    /// <summary>Everything in the folder may go to these.</summary>
    public Dictionary<string, string> Settings(params Uri[] upstreams)
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["Secrets:0:Reference"] = $"file:{folder}/*" };
        foreach (var (i, upstream) in upstreams.Index())
            settings[$"Secrets:0:Upstreams:{i}"] = upstream.GetLeftPart(UriPartial.Authority);
        return settings;
    }

    /// <summary>A gateway with one API, <c>open</c>, whose calls are allowed, with this credential; and one that asks for approval.</summary>
    public Task<GatewayFixture> Start(Uri upstream, string credential, Uri? tokens = null, Action<IServiceCollection>? configure = null, string more = "", ManualTime? time = null) => GatewayFixture.Start(
        upstream, Policy(credential, more), time, configure: configure, args: ["--store", "memory"], settings: tokens is null ? Settings(upstream) : Settings(upstream, tokens));

    public static string Policy(string credential, string more = "") => $$"""
        version: 1
        realm: dev
        groups:
          engineering: {}
          managers: {members: [user:bob, user:carol]}
        apis:
          open:
            upstreams: [$UPSTREAM]
            prefix: /open
            {{more}}
            credential: {{credential}}
            actions:
              open.call: {methods: [GET, POST], path: "/open/{path*}", access: read}
          watched:
            upstreams: [$UPSTREAM]
            prefix: /watched
            mode: observe
            {{more}}
            credential: {{credential}}
            actions:
              watched.read: {methods: [GET], path: "/watched/{path*}", access: read}
              watched.write: {methods: [POST], path: "/watched/{path*}", access: none}
              watched.ask: {methods: [PUT], path: "/watched/{path*}", access: write}
          asked:
            upstreams: [$UPSTREAM]
            prefix: /asked
            {{more}}
            credential: {{credential}}
            actions:
              asked.call: {methods: [POST], path: "/asked/{path*}", access: write, binding: payload}
        rules:
          - {name: read, who: {groups: [engineering]}, actions: {access: [read]}, effect: allow}
          - name: asks
            who: {groups: [engineering]}
            actions: {access: [write]}
            effect: approve
            approve: {stages: [{groups: [managers]}], uses: once}
        """;

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
