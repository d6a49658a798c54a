namespace JitGrains.WaysTests;

/// <summary>Some actions that everybody may use beside some that nobody may, told apart by path, method, host, query, header and body.</summary>
internal static class WaysPolicy
{
    public const string Text = """
        version: 1
        realm: dev
        groups: {engineering: {}}
        apis:
          api:
            upstreams: [$UPSTREAM]
            host: api.test
            actions:
              open.read: {methods: [GET], path: "/open/{name}"}
              open.write: {methods: [POST], path: "/open/{name}"}
              open.delete: {methods: [DELETE], path: "/open/{name}"}
              secret.read: {methods: [GET], path: "/secret/{name}"}
              files.read: {methods: [GET], path: "/files/{path*}"}
              files.private: {methods: [GET], path: "/files/private/{path*}"}
              search: {methods: [GET], path: /search}
              env: {methods: [GET], path: /env}
              orders.read: {methods: [GET], path: "/orders/{order}"}
              orders.refund: {methods: [POST], path: "/orders/{order}/refunds"}
          other:
            upstreams: [$UPSTREAM]
            host: other.test
            actions:
              other.read: {methods: [GET], path: "/open/{name}"}
        rules:
          - {name: open, who: {anyone: true}, actions: {names: [open.read, open.write, files.read, search, env, orders.*]}, effect: allow}
          - {name: not-production-by-query, who: {anyone: true}, actions: {names: [search]}, when: {query: {env: {exists: true, equals: prod}}}, effect: deny}
          - {name: not-production-by-header, who: {anyone: true}, actions: {names: [env]}, when: {headers: {x-env: {exists: true, equals: prod}}}, effect: deny}
          - {name: small-refunds-only, who: {anyone: true}, actions: {names: [orders.refund]}, when: {body: {amount: {exists: true, greater_than: 100}}}, effect: deny}
        """;
}
