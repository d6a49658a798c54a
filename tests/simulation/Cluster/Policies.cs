namespace JitGrains.Simulation.Cluster;

/// <summary>The policies of the simulated cluster; what they mean is said once more in the checker's own words.</summary>
internal static class Policies
{
    /// <summary>A manager for deletions; two stages for shipments.</summary>
    public const string Usual = "usual";

    /// <summary>Deletions need somebody of security instead.</summary>
    public const string Stricter = "stricter";

    /// <summary>No deletions.</summary>
    public const string Shut = "shut";

    public static readonly IReadOnlyList<string> All = [Usual, Stricter, Shut];

    private const string Template = """
        version: 1
        realm: dev
        groups: {engineering: {}, managers: {}, security: {}, operators: {}}
        apis:
          orders:
            upstreams: ["http://upstream"]
            prefix: /orders
            actions:
              orders.list: {methods: [GET], path: "/orders", access: read, sensitivity: low}
              orders.read: {methods: [GET], path: "/orders/{order}", access: read, sensitivity: low}
              orders.refund: {methods: [POST], path: "/orders/{order}/refunds", access: write, sensitivity: high, binding: payload, mask: [body.card], summary: "Refund {body.amount} on order {path.order}"}
              orders.ship: {methods: [PUT], path: "/orders/{order}/shipment", access: write, sensitivity: high, binding: resource}
              orders.delete: {methods: [DELETE], path: "/orders/{order}", access: write, sensitivity: critical, binding: action}
        limits:
          lists: {per: api, actions: {names: [orders.list]}, shared: true, window: {most: 32, within: 8s}}
        rules:
          - name: read-orders
            who: {groups: [engineering, managers, security]}
            actions: {access: [read]}
            effect: allow
          - name: robots-read
            who: {principals: ["keys:key:robot-1", "keys:key:robot-2"]}
            actions: {access: [read]}
            effect: allow
          - name: refunds
            who: {groups: [engineering]}
            actions: {names: [orders.refund]}
            effect: approve
            approve: {stages: [{name: manager, groups: [managers], quorum: 1}], uses: once, decide_within: 40s, use_within: 20s, denial_cooldown: 5s}
          - name: shipments
            who: {groups: [engineering]}
            actions: {names: [orders.ship]}
            effect: approve
            approve: {stages: [{name: manager, groups: [managers], quorum: 1}, {name: security, groups: [security], quorum: 1}], uses: 2, decide_within: 40s, use_within: 25s, denial_cooldown: 5s}
          - name: deletions
            who: {groups: [engineering]}
            actions: {names: [orders.delete]}
            effect: DELETIONS
        """;

    public static string Text(string name) => Template.Replace("DELETIONS", name == Shut ? "deny" : Deletions(name == Stricter ? "security" : "managers"), StringComparison.Ordinal);

    private static string Deletions(string group) =>
        $"approve\n    approve: {{stages: [{{name: one, groups: [{group}], quorum: 1}}], uses: unlimited, decide_within: 40s, window: 12s, denial_cooldown: 5s}}";
}
