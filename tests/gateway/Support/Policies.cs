namespace JitGrains.GatewayTests.Support;

/// <summary>The policies that the tests run by.</summary>
internal static class Policies
{
    /// <summary>The quickstart's cases, with shorter holds where a test would have to wait.</summary>
    public const string Orders = """
        version: 1
        realm: dev
        groups:
          engineering: {}
          managers: {members: [user:bob, user:carol]}
          auditors: {}
        apis:
          orders:
            upstreams: [$UPSTREAM]
            prefix: /orders
            cors: {origins: ["https://app.example.com"]}
            actions:
              orders.list: {methods: [GET], path: /orders, access: read}
              orders.read: {methods: [GET], path: "/orders/{order}", access: read}
              orders.refund:
                methods: [POST]
                path: /orders/{order}/refunds
                access: write
                binding: payload
                body_limit: 64KiB
                mask: [body.card_number]
                unbound_headers: [x-unbound]
                summary: "Refund {body.amount} on order {path.order}"
              orders.delete: {methods: [DELETE], path: "/orders/{order}", access: write, binding: action}
              orders.close: {methods: [PUT], path: "/orders/{order}/closed", access: write, binding: resource, hold: {default: 1s, cap: 30s}}
              orders.note: {methods: [POST], path: "/orders/{order}/notes", access: write, binding: payload}
              orders.export: {methods: [GET], path: "/orders/{order}/export", access: read, binding: action}
              orders.export_drained: {methods: [GET], path: "/orders/{order}/drained", access: read, binding: action, drain: true}
        rules:
          - name: read
            who: {groups: [engineering, managers, auditors]}
            actions: {names: [orders.list, orders.read]}
            effect: allow
          - name: refunds
            who: {groups: [engineering, managers]}
            actions: {names: [orders.refund]}
            effect: approve
            approve: {stages: [{name: manager, groups: [managers], quorum: 1}], uses: once, decide_within: 30m, use_within: 10m}
          - name: windows
            who: {groups: [engineering]}
            actions: {names: [orders.delete, orders.export, orders.export_drained]}
            effect: approve
            approve:
              stages: [{name: manager, groups: [managers], quorum: 1}]
              uses: {default: unlimited, max: unlimited}
              reason: required
              window: {default: 10m, max: 30m}
          - name: closing
            who: {groups: [engineering]}
            actions: {names: [orders.close]}
            effect: approve
            approve: {stages: [{name: manager, groups: [managers], quorum: 1}], uses: {default: 2, max: 3}, window: {default: 10m, max: 30m}}
          - name: notes
            who: {groups: [engineering]}
            actions: {names: [orders.note]}
            effect: approve
            approve: {auto: {path: {order: {exists: true}}}, uses: once}
          - name: no-auditors
            who: {principals: [user:dave]}
            actions: {names: [orders.refund]}
            effect: deny
        """;

    /// <summary>Everything may pass, so that what the forwarding does to it shows.</summary>
    public const string Open = """
        version: 1
        realm: dev
        groups: {engineering: {}}
        apis:
          echo:
            upstreams: [$UPSTREAM]
            prefix: /
            upstream_timeout: 2s
            actions:
              echo.any: {methods: [GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS], path: "/{path*}", access: read, encoded_parameter: path}
        rules:
          - {name: all, who: {groups: [engineering]}, actions: {names: [echo.any]}, effect: allow}
        """;
}
