namespace JitGrains.GatewayTests.Processes.Kill;

/// <summary>How an ask of the load is made, and what a grant for it allows.</summary>
/// <param name="Name">The action behind <c>orders.</c></param>
/// <param name="Method">The method of its calls.</param>
/// <param name="Uses">How often the grant may be used; null where as often as its window lasts.</param>
/// <param name="Ahead">Whether it is asked for ahead of any call.</param>
/// <param name="Quorum">Approvers needed.</param>
internal sealed record AskKind(string Name, string Method, int? Uses, bool Ahead, int Quorum)
{
    public static readonly AskKind Refund = new("refund", "POST", 1, Ahead: false, Quorum: 1);
    public static readonly AskKind Transfer = new("transfer", "POST", 1, Ahead: false, Quorum: 2);
    public static readonly AskKind Close = new("close", "PUT", 2, Ahead: true, Quorum: 1);
    public static readonly AskKind Purge = new("purge", "DELETE", null, Ahead: true, Quorum: 1);

    /// <summary>Roughly as often as it is to come.</summary>
    public static readonly AskKind[] Mix = [Refund, Refund, Refund, Transfer, Close, Close, Purge];

    public const string Policy = """
        version: 1
        realm: dev
        groups:
          engineering: {}
          managers: {members: [user:bob, user:carol]}
        apis:
          orders:
            upstreams: [$UPSTREAM]
            prefix: /orders
            actions:
              orders.read: {methods: [GET], path: "/orders/{order}", access: read}
              orders.refund: {methods: [POST], path: "/orders/{order}/refund", access: write, binding: payload}
              orders.transfer: {methods: [POST], path: "/orders/{order}/transfer", access: write, binding: payload}
              orders.close: {methods: [PUT], path: "/orders/{order}/close", access: write, binding: resource}
              orders.purge: {methods: [DELETE], path: "/orders/{order}/purge", access: write, binding: resource}
        rules:
          - {name: read, who: {groups: [engineering]}, actions: {names: [orders.read]}, effect: allow}
          - name: one-manager
            who: {groups: [engineering]}
            actions: {names: [orders.refund]}
            effect: approve
            approve: {stages: [{name: manager, groups: [managers], quorum: 1}], uses: once, decide_within: 30m, use_within: 10m}
          - name: two-managers
            who: {groups: [engineering]}
            actions: {names: [orders.transfer]}
            effect: approve
            approve: {stages: [{name: manager, groups: [managers], quorum: 2}], uses: once, decide_within: 30m, use_within: 10m}
          - name: two-uses
            who: {groups: [engineering]}
            actions: {names: [orders.close]}
            effect: approve
            approve: {stages: [{name: manager, groups: [managers], quorum: 1}], uses: {default: 2, max: 2}, window: {default: 20m, max: 30m}}
          - name: windows
            who: {groups: [engineering]}
            actions: {names: [orders.purge]}
            effect: approve
            approve: {stages: [{name: manager, groups: [managers], quorum: 1}], uses: {default: unlimited, max: unlimited}, window: {default: 20m, max: 30m}}
        """;
}

/// <summary>One ask, and everything about it that was acknowledged to a client. Guarded by its own lock.</summary>
/// <param name="kind">Its kind.</param>
/// <param name="caller">Who asks.</param>
/// <param name="order">The order it is about: no other ask is about it, so the upstream's calls to it are this ask's.</param>
internal sealed class Ask(AskKind kind, string caller, string order)
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, string> votes = new(StringComparer.Ordinal);

    public AskKind Kind => kind;

    public string Caller => caller;

    public string Order => order;

    public string Path => $"/orders/{Order}/{Kind.Name}";

    /// <summary>The target as the upstream counts it.</summary>
    public string Target => $"{Kind.Method} {Path}";

    /// <summary>The body of its calls.</summary>
    public object? Body => Kind.Method == "POST" ? new { order = Order, marker = $"marker-{Order}" } : null;

    /// <summary>The request's id, once a client has read it.</summary>
    public string? Request { get; private set; }

    /// <summary>A final status that a client has read, or null.</summary>
    public string? Status { get; private set; }

    /// <summary>Answers of the upstream that the caller has read whole.</summary>
    public int Answered { get; private set; }

    /// <summary>Whether anybody may have voted, cancelled or revoked without an answer yet.</summary>
    public bool Touched { get; set; }

    /// <summary>Whether anybody may have revoked its grant.</summary>
    public bool RevokeSent { get; set; }

    /// <summary>When somebody read that its grant is revoked, or null.</summary>
    public long? RevokedAt { get; private set; }

    /// <summary>Whether its caller has done with it.</summary>
    public bool Finished { get; set; }

    /// <summary>Uses on record, as last checked.</summary>
    public int Uses { get; set; }

    /// <summary>Of those, with an unknown outcome.</summary>
    public int Unknown { get; set; }

    /// <summary>Votes that their approvers know to have been taken: approver and decision.</summary>
    public IReadOnlyDictionary<string, string> Votes
    {
        get
        {
            lock (gate)
                return new Dictionary<string, string>(votes, StringComparer.Ordinal);
        }
    }

    public void Raised(string id)
    {
        lock (gate)
            Request ??= id;
    }

    public void Became(string status)
    {
        lock (gate)
            Status = status is "pending" ? Status : status;
    }

    public void Voted(string approver, string decision)
    {
        lock (gate)
            votes[approver] = decision;
    }

    public void Ran()
    {
        lock (gate)
            Answered++;
    }

    public void Revoked(long at)
    {
        lock (gate)
            RevokedAt ??= at;
    }
}
